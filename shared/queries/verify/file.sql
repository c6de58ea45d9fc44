-- One row names the engine of the file: workflow-queue exactly if the file has the workflow line.
SELECT 'queue_file has ' || count(*) || ' rows' FROM queue_file HAVING count(*) <> 1
UNION ALL
SELECT 'the file says that it is of engine ' || engine FROM queue_file
WHERE (engine = 2) <> EXISTS (SELECT 1 FROM queue_schema WHERE line = 'workflow') OR epoch < 0
