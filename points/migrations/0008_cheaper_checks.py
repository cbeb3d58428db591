"""The same checks of lines and allocations by less reading.

A balance says of which unit it is, so that changing it finds whether the account of a line exists
and has its unit: before, every account was read for it. Accounts never change, so what is copied
stays true. What allocations say is compared with lines read once, in the order they lie in.
"""

from django.db import migrations, models

BACKFILL = """
ALTER TABLE points_balance DISABLE TRIGGER balance_guarded;
UPDATE points_balance b SET unit = a.unit FROM points_account a WHERE a.id = b.account_id;
ALTER TABLE points_balance ENABLE TRIGGER balance_guarded;
"""

FUNCTIONS = """
CREATE OR REPLACE FUNCTION points_open_balance() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO points_balance (account_id, unit, amount)
        SELECT id, unit, 0 FROM added WHERE kind <> 'system' ORDER BY id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION points_check_lines() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    seen record;
    locked text;
    homeless boolean;
BEGIN
    SELECT coalesce(bool_or(NOT g.balanced), false) AS unbalanced,
           coalesce(bool_or(e.id IS NULL OR e.line_count <> g.lines OR g.last <> g.lines - 1
               OR g.low <> e.epoch_id OR g.high <> e.epoch_id), false) AS mismatched,
           EXISTS (SELECT 1 FROM added a LEFT JOIN points_account c ON c.id = a.account_id
                   WHERE a.account_id < 1000 AND (c.id IS NULL OR c.unit <> a.unit)) AS homeless,
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
    IF seen.low IS NULL THEN
        RETURN NULL;
    END IF;
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

CREATE OR REPLACE FUNCTION points_check_allocations() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_nestloop = off SET enable_indexscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT entry_id, epoch_id FROM added) a
        LEFT JOIN (
            SELECT e.id, e.kind, e.epoch_id FROM points_entry e
            WHERE e.id = ANY (ARRAY(SELECT DISTINCT entry_id FROM added))
        ) e ON e.id = a.entry_id
        WHERE e.kind IS DISTINCT FROM 'conversion' OR e.epoch_id <> a.epoch_id
    ) OR EXISTS (
        WITH moved AS MATERIALIZED (
            SELECT l.entry_id, l.account_id, l.amount FROM points_line l
            WHERE l.entry_id = ANY (ARRAY(SELECT DISTINCT entry_id FROM added))
                AND l.account_id >= 1000
        )
        SELECT 1
        FROM (
            SELECT a.entry_id, a.points_account_id AS account_id, -a.millipoints::numeric AS amount
            FROM added a
            UNION ALL
            SELECT a.entry_id, f.account_id, a.wei
            FROM added a LEFT JOIN points_leaf f ON f.index = a.leaf_id
        ) given
        LEFT JOIN moved m ON m.entry_id = given.entry_id AND m.account_id = given.account_id
        WHERE given.account_id IS NULL OR coalesce(m.amount, 0) <> given.amount
    ) THEN
        RAISE EXCEPTION 'points: an allocation is not what its conversion moved'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'allocation_matches_entry';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [("points", "0007_cheaper_hex_checks")]

    operations = [
        migrations.AddField(
            "balance",
            "unit",
            models.PositiveSmallIntegerField(
                choices=[(1, "Millipoints"), (2, "LAM wei")], default=0, help_text="The account's."
            ),
            preserve_default=False,
        ),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
    ]
