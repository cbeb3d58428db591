"""The same checks of entries and lines by fewer statements, most of what a single posting costs.

That a key names an entry is checked per statement too: a foreign key checks it row by row, and
writes a lock into every entry. Two indexes that no query reads are gone.
"""

import django.db.models.deletion
from django.db import migrations, models

FUNCTIONS = """
CREATE OR REPLACE FUNCTION points_check_entries() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    low bigint;
    high bigint;
    current bigint;
    incomplete boolean;
    locked text;
BEGIN
    SELECT min(a.epoch_id), max(a.epoch_id) INTO low, high FROM added a;
    IF low IS NULL THEN
        RETURN NULL;
    END IF;
    -- Before what is read next: a close that held it alone is seen. Assigned, as an expression
    -- costs a fraction of a statement.
    locked := pg_advisory_xact_lock_shared(7411, low::int)::text;
    SELECT coalesce(max(e.number), 0) + 1,
           EXISTS (SELECT 1 FROM added a WHERE a.line_count
               <> (SELECT count(*) FROM points_line l WHERE l.entry_id = a.id))
        INTO current, incomplete
        FROM points_epoch e WHERE e.closed_at IS NOT NULL;
    IF low <> current OR high <> current THEN
        RAISE EXCEPTION 'points: epoch % is not the one in progress (%)',
                CASE WHEN low <> current THEN low ELSE high END, current
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'entry_epoch_in_progress';
    END IF;
    IF incomplete THEN
        RAISE EXCEPTION 'points: an entry comes with all of its lines in one statement'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_complete';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION points_check_lines() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    seen record;
    locked text;
BEGIN
    SELECT coalesce(bool_or(NOT g.balanced), false) AS unbalanced,
           coalesce(bool_or(e.id IS NULL OR e.line_count <> g.lines OR g.last <> g.lines - 1
               OR g.low <> e.epoch_id OR g.high <> e.epoch_id), false) AS mismatched,
           EXISTS (SELECT 1 FROM added a LEFT JOIN points_account c ON c.id = a.account_id
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
    IF seen.homeless THEN
        RAISE EXCEPTION 'points: a line names no account of its unit'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'line_account_exists';
    END IF;
    -- The epoch's lock before any balance's, as everywhere.
    locked := pg_advisory_xact_lock_shared(7411, seen.low::int)::text;
    -- In the order of accounts, so that no two writers wait for each other in a circle. A close
    -- holds the epoch's lock alone and has nobody to wait for.
    IF seen.several AND current_setting('points.alone', true) IS DISTINCT FROM 'on' THEN
        PERFORM 1 FROM points_balance b
            WHERE b.account_id IN (SELECT account_id FROM added WHERE account_id >= 1000)
            ORDER BY b.account_id FOR UPDATE;
    END IF;
    UPDATE points_balance b SET amount = b.amount + d.amount
        FROM (SELECT account_id, sum(amount) AS amount FROM added
              WHERE account_id >= 1000 GROUP BY account_id) d
        WHERE b.account_id = d.account_id;
    RETURN NULL;
END $$;

CREATE FUNCTION points_check_keys() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added a LEFT JOIN points_entry e ON e.id = a.entry_id WHERE e.id IS NULL
    ) THEN
        RAISE EXCEPTION 'points: a key names no entry'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'key_entry_exists';
    END IF;
    RETURN NULL;
END $$;
"""
TRIGGERS = """
CREATE TRIGGER keys_checked AFTER INSERT ON points_idempotencykey
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION points_check_keys();
CREATE TRIGGER keys_kept_checked AFTER UPDATE ON points_idempotencykey
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION points_check_keys();
"""
DROP = "DROP FUNCTION points_check_keys CASCADE"


class Migration(migrations.Migration):
    dependencies = [("points", "0004_allocation_check")]

    operations = [
        migrations.AlterField(
            "idempotencykey",
            "entry",
            models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                primary_key=True,
                related_name="idempotency",
                serialize=False,
                to="points.entry",
            ),
        ),
        migrations.AlterField("idempotencykey", "key", models.CharField(max_length=160)),
        migrations.AddConstraint(
            "idempotencykey",
            models.UniqueConstraint(fields=["key"], name="idempotency_key_once"),
        ),
        migrations.AlterField(
            "allocation",
            "entry",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="allocations",
                to="points.entry",
            ),
        ),
        migrations.RunSQL(FUNCTIONS + TRIGGERS, DROP),
    ]
