-- Databases besides the file itself and the connection's own temporary tables.
SELECT count(*) FROM pragma_database_list WHERE name NOT IN ('main', 'temp')
