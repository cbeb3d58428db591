"""The same checks of a single entry's lines in less time.

Nearly every statement is one entry of a few lines, and each SQL statement in a trigger costs about
as much as inserting a row, the more the more it joins, groups and counts.
"""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION points_check_lines() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    whole record;
    entry record;
    line record;
    seen record;
    locked text;
    homeless boolean := false;
BEGIN
    SELECT count(*) AS lines, min(a.entry_id) AS first_entry, max(a.entry_id) AS last_entry,
           min(a.epoch_number) AS low, max(a.epoch_number) AS high, max(a.position) AS last,
           coalesce(sum(a.amount) FILTER (WHERE a.unit = 1), 0) <> 0
           OR coalesce(sum(a.amount) FILTER (WHERE a.unit <> 1), 0) <> 0 AS unbalanced
    INTO whole FROM added a;
    IF whole.lines = 0 THEN
        RETURN NULL;
    END IF;
    -- One entry of a few lines, as nearly all are, is checked line by line: that takes two thirds of
    -- the time of the two statements below, which check the same for many.
    IF whole.lines <= 8 AND whole.first_entry = whole.last_entry THEN
        IF whole.unbalanced THEN
            RAISE EXCEPTION 'points: an entry does not balance'
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_balances';
        END IF;
        SELECT e.line_count, e.epoch_id INTO entry FROM points_entry e WHERE e.id = whole.first_entry;
        IF NOT FOUND OR entry.line_count <> whole.lines OR whole.last <> whole.lines - 1
            OR whole.low <> entry.epoch_id OR whole.high <> entry.epoch_id
        THEN
            RAISE EXCEPTION 'points: lines do not match their entry'
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'line_matches_entry';
        END IF;
        -- The epoch's lock before any balance's, as everywhere.
        locked := pg_advisory_xact_lock_shared(7411, whole.low::int)::text;
        -- In the order of accounts, so that no two writers wait for each other in a circle; of one
        -- account what comes before what goes, so that it is not below zero in between.
        FOR line IN
            SELECT a.account_id, a.unit, a.amount, c.unit AS home
            FROM added a LEFT JOIN points_account c ON c.id = a.account_id AND a.account_id < 1000
            ORDER BY a.account_id, a.amount DESC
        LOOP
            IF line.account_id < 1000 THEN
                homeless := homeless OR line.home IS DISTINCT FROM line.unit;
            ELSE
                UPDATE points_balance b SET amount = b.amount + line.amount
                    WHERE b.account_id = line.account_id AND b.unit = line.unit;
                homeless := homeless OR NOT FOUND;
            END IF;
        END LOOP;
        IF homeless THEN
            RAISE EXCEPTION 'points: a line names no account of its unit'
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'line_account_exists';
        END IF;
        RETURN NULL;
    END IF;
    SELECT coalesce(bool_or(NOT g.balanced), false) AS unbalanced,
           coalesce(bool_or(e.id IS NULL OR e.line_count <> g.lines OR g.last <> g.lines - 1
               OR g.low <> e.epoch_id OR g.high <> e.epoch_id), false) AS mismatched,
           EXISTS (SELECT 1
                   FROM (SELECT DISTINCT account_id, unit FROM added WHERE account_id < 1000) a
                   LEFT JOIN points_account c ON c.id = a.account_id
                   WHERE c.id IS NULL OR c.unit <> a.unit) AS homeless,
           min(g.low) AS low,
           coalesce(min(g.first_account) <> max(g.last_account), false) AS several
    INTO seen
    FROM (SELECT entry_id, count(*) AS lines, max(position) AS last,
                 min(epoch_number) AS low, max(epoch_number) AS high,
                 min(account_id) FILTER (WHERE account_id >= 1000) AS first_account,
                 max(account_id) FILTER (WHERE account_id >= 1000) AS last_account,
                 coalesce(sum(amount) FILTER (WHERE unit = 1), 0) = 0
                 AND coalesce(sum(amount) FILTER (WHERE unit <> 1), 0) = 0 AS balanced
          FROM added GROUP BY entry_id) g
    LEFT JOIN points_entry e ON e.id = g.entry_id;
    IF seen.unbalanced THEN
        RAISE EXCEPTION 'points: an entry does not balance'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_balances';
    END IF;
    IF seen.mismatched THEN
        RAISE EXCEPTION 'points: lines do not match their entry'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'line_matches_entry';
    END IF;
    -- The epoch's lock before any balance's, as everywhere.
    locked := pg_advisory_xact_lock_shared(7411, seen.low::int)::text;
    -- A balance that is not there, or of another unit, is not changed, and so counts as homeless.
    -- A close holds the epoch's lock alone and has nobody to wait for. It changes millions of
    -- balances, from one end of the table to the other.
    IF current_setting('points.alone', true) = 'on' THEN
        PERFORM set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true),
                set_config('enable_seqscan', 'on', true);
        WITH d AS MATERIALIZED (
            SELECT account_id, min(unit) AS unit, max(unit) AS last, sum(amount) AS amount
            FROM added WHERE account_id >= 1000 GROUP BY account_id ORDER BY account_id
        ), changed AS (
            UPDATE points_balance b SET amount = b.amount + d.amount FROM d
            WHERE b.account_id = d.account_id AND b.unit = d.unit AND b.unit = d.last RETURNING 1
        )
        SELECT (SELECT count(*) FROM changed) <> (SELECT count(*) FROM d) INTO homeless;
    ELSE
        -- In the order of accounts, so that no two writers wait for each other in a circle.
        IF seen.several THEN
            PERFORM 1 FROM points_balance b
                WHERE b.account_id IN (SELECT account_id FROM added WHERE account_id >= 1000)
                ORDER BY b.account_id FOR UPDATE;
        END IF;
        WITH d AS MATERIALIZED (
            SELECT account_id, min(unit) AS unit, max(unit) AS last, sum(amount) AS amount
            FROM added WHERE account_id >= 1000 GROUP BY account_id
        ), changed AS (
            UPDATE points_balance b SET amount = b.amount + d.amount FROM d
            WHERE b.account_id = d.account_id AND b.unit = d.unit AND b.unit = d.last RETURNING 1
        )
        SELECT (SELECT count(*) FROM changed) <> (SELECT count(*) FROM d) INTO homeless;
    END IF;
    IF seen.homeless OR homeless THEN
        RAISE EXCEPTION 'points: a line names no account of its unit'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'line_account_exists';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("points", "0008_cheaper_checks")]

    operations = [migrations.RunSQL(FUNCTION, migrations.RunSQL.noop)]
