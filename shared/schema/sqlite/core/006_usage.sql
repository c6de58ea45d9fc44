-- Usage: what the command of a task's last attempt took of the machine.

-- Processor time in microseconds and peak memory in KiB; NULL if unknown. In the task's own row, which
-- the end of an attempt writes anyway, beside the exit code.
ALTER TABLE queue_tasks ADD COLUMN cpu_us INTEGER;
ALTER TABLE queue_tasks ADD COLUMN rss_kb INTEGER;
