-- What happened without a change of health, such as a device's trap, stands in the same order of events.
-- `occurrence` is JSON; `was`, `health` and `reason` are then empty.
ALTER TABLE health_event ADD COLUMN occurrence TEXT;
