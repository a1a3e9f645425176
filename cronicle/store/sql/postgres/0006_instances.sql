-- Instances of workflows with `for_each`: pauses and backfills are of one, as runs and cursors are. The key is '' of a
-- workflow without. Nothing costs more where there are no instances: their indexes are partial.

ALTER TABLE backfill ADD COLUMN instance TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE pause ADD COLUMN instance TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE INDEX run_result_of_instance
    ON run (project, environment, workflow, instance, series, logical_time, ended_event)
    WHERE counts = 1 AND state = 'succeeded' AND instance <> '';
CREATE INDEX run_failure_of_instance ON run (project, environment, workflow, instance, series, logical_time)
    WHERE counts = 1 AND state = 'failed' AND instance <> '';
CREATE INDEX run_of_instance ON run (project, environment, workflow, instance, sequence) WHERE instance <> '';
CREATE INDEX run_at_of_instance ON run (project, environment, workflow, instance, logical_time)
    WHERE instance <> '';
