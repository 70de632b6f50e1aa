-- Events are looked up by what they are about, and by the code of their reason or of what happened.
ALTER TABLE health_event ADD COLUMN code TEXT;
UPDATE health_event SET code = json_extract(occurrence, '$.event.code') WHERE json_valid(occurrence);
UPDATE health_event SET code = json_extract(reason, '$.code') WHERE code IS NULL AND json_valid(reason);
CREATE INDEX health_event_by_subject ON health_event (kind, subject, id);
CREATE INDEX health_event_by_code ON health_event (code, id);
CREATE INDEX health_event_occurrences ON health_event (id) WHERE occurrence IS NOT NULL;
