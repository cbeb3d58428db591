"""A close in sets: conversions of a thousand people an entry, checks per statement, not per row.

What the foreign keys of allocations and leaves held row by row, statement triggers hold by joins.
"""

import django.db.models.deletion
from django.db import migrations, models

FUNCTIONS = """
-- Plans of trigger queries are kept per connection. One made for a close's millions would read whole
-- tables for a single entry; index lookups are right for one entry and good enough for millions.
CREATE OR REPLACE FUNCTION points_check_entries() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    number bigint;
    current bigint;
BEGIN
    FOR number IN SELECT DISTINCT epoch_id FROM added ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock_shared(7411, number::int);
        SELECT coalesce(max(e.number), 0) + 1 INTO current
            FROM points_epoch e WHERE e.closed_at IS NOT NULL;
        IF number <> current THEN
            RAISE EXCEPTION 'points: epoch % is not the one in progress (%)', number, current
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'entry_epoch_in_progress';
        END IF;
    END LOOP;
    IF EXISTS (
        SELECT 1 FROM added a
        WHERE a.line_count <> (SELECT count(*) FROM points_line l WHERE l.entry_id = a.id)
    ) THEN
        RAISE EXCEPTION 'points: an entry comes with all of its lines in one statement'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_complete';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION points_check_lines() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    number bigint;
    wrong record;
BEGIN
    -- The epoch's lock before any balance's, as everywhere.
    FOR number IN SELECT DISTINCT epoch_number FROM added ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock_shared(7411, number::int);
    END LOOP;
    SELECT coalesce(bool_or(NOT g.balanced), false) AS balance,
           coalesce(bool_or(e.id IS NULL OR e.line_count <> g.lines OR g.last <> g.lines - 1
               OR g.first_epoch <> e.epoch_id OR g.last_epoch <> e.epoch_id), false) AS entry
    INTO wrong
    FROM (SELECT entry_id, count(*) AS lines, max(position) AS last,
                 min(epoch_number) AS first_epoch, max(epoch_number) AS last_epoch,
                 coalesce(sum(amount) FILTER (WHERE unit = 1), 0) = 0
                 AND coalesce(sum(amount) FILTER (WHERE unit <> 1), 0) = 0 AS balanced
          FROM added GROUP BY entry_id) g
    LEFT JOIN points_entry e ON e.id = g.entry_id;
    IF wrong.balance THEN
        RAISE EXCEPTION 'points: an entry does not balance'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_balances';
    END IF;
    IF wrong.entry THEN
        RAISE EXCEPTION 'points: lines do not match their entry'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'line_matches_entry';
    END IF;
    IF EXISTS (
        SELECT 1 FROM added a LEFT JOIN points_account c ON c.id = a.account_id
        WHERE c.id IS NULL OR c.unit <> a.unit
    ) THEN
        RAISE EXCEPTION 'points: a line names no account of its unit'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'line_account_exists';
    END IF;
    -- In the order of accounts, so that no two writers wait for each other in a circle. A close
    -- holds the epoch's lock alone and has nobody to wait for.
    IF current_setting('points.alone', true) IS DISTINCT FROM 'on' THEN
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

CREATE OR REPLACE FUNCTION points_open_balance() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO points_balance (account_id, amount)
        SELECT id, 0 FROM added WHERE kind <> 'system' ORDER BY id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION points_check_seals() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    before bigint;
BEGIN
    SELECT coalesce(max(s.position), 0) INTO before
        FROM points_seal s WHERE s.position < (SELECT min(position) FROM added);
    IF EXISTS (
        SELECT 1 FROM (SELECT min(position) AS low, max(position) AS high, count(*) AS seals
                       FROM added) g
        WHERE g.seals > 0 AND (g.low <> before + 1 OR g.high <> before + g.seals)
    ) THEN
        RAISE EXCEPTION 'points: seals have no gaps'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'seal_gapless';
    END IF;
    IF EXISTS (
        SELECT 1 FROM added a LEFT JOIN points_entry e ON e.id = a.entry_id
        WHERE e.id IS NULL OR e.digest <> a.digest OR e.epoch_id <> a.epoch_number
    ) THEN
        RAISE EXCEPTION 'points: a seal does not match its entry'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'seal_matches_entry';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION points_check_leaves() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added a LEFT JOIN points_account c ON c.id = a.account_id AND c.kind = 'lam'
        LEFT JOIN points_epoch e ON e.number = a.first_epoch_id
        WHERE c.id IS NULL OR e.number IS NULL
    ) THEN
        RAISE EXCEPTION 'points: a leaf names no LAM account or no epoch'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'leaf_account_exists';
    END IF;
    RETURN NULL;
END $$;

-- Whom an epoch gave how much is what the lines of its conversions moved.
CREATE FUNCTION points_check_allocations() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM added a
        LEFT JOIN points_leaf f ON f.index = a.leaf_id
        LEFT JOIN points_entry e ON e.id = a.entry_id
        LEFT JOIN points_line p
            ON p.entry_id = a.entry_id AND p.account_id = a.points_account_id
        LEFT JOIN points_line l ON l.entry_id = a.entry_id AND l.account_id = f.account_id
        WHERE f.index IS NULL OR e.kind IS DISTINCT FROM 'conversion' OR e.epoch_id <> a.epoch_id
            OR p.amount IS DISTINCT FROM -a.millipoints OR coalesce(l.amount, 0) <> a.wei
    ) THEN
        RAISE EXCEPTION 'points: an allocation is not what its conversion moved'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'allocation_matches_entry';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER balance_opened ON points_account;
CREATE TRIGGER balance_opened AFTER INSERT ON points_account
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION points_open_balance();
CREATE TRIGGER leaves_checked AFTER INSERT ON points_leaf
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION points_check_leaves();
CREATE TRIGGER allocations_checked AFTER INSERT ON points_allocation
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION points_check_allocations();
-- Room on every page for the next version of its balances.
ALTER TABLE points_balance SET (fillfactor = 50);
"""


def unconstrained(to, **given):
    return models.ForeignKey(
        to=to, on_delete=django.db.models.deletion.DO_NOTHING, db_constraint=False, **given
    )


class Migration(migrations.Migration):
    dependencies = [("points", "0002_journal")]

    operations = [
        migrations.RemoveConstraint("allocation", "allocation_leaf_once"),
        migrations.RemoveConstraint("allocation", "allocation_account_once"),
        migrations.AlterField(
            "allocation", "entry", unconstrained("points.entry", related_name="allocations")
        ),
        migrations.AlterField(
            "allocation", "epoch", unconstrained("points.epoch", related_name="allocations")
        ),
        migrations.AlterField(
            "allocation",
            "leaf",
            unconstrained("points.leaf", related_name="allocations", db_index=False),
        ),
        migrations.AlterField(
            "allocation",
            "points_account",
            unconstrained("points.account", related_name="allocations", db_index=False),
        ),
        migrations.AlterField(
            "leaf",
            "account",
            models.OneToOneField(
                on_delete=django.db.models.deletion.DO_NOTHING,
                db_constraint=False,
                related_name="leaf",
                to="points.account",
            ),
        ),
        migrations.AlterField(
            "leaf", "first_epoch", unconstrained("points.epoch", related_name="new_leaves")
        ),
        migrations.AlterField(
            "balance",
            "account",
            models.OneToOneField(
                on_delete=django.db.models.deletion.DO_NOTHING,
                db_constraint=False,
                primary_key=True,
                serialize=False,
                to="points.account",
            ),
        ),
        migrations.AlterField(
            "seal",
            "entry",
            models.OneToOneField(
                on_delete=django.db.models.deletion.DO_NOTHING,
                db_constraint=False,
                related_name="seal",
                to="points.entry",
            ),
        ),
        migrations.AddConstraint(
            "allocation",
            models.UniqueConstraint(fields=("leaf", "epoch"), name="allocation_leaf_once"),
        ),
        migrations.AddConstraint(
            "allocation",
            models.UniqueConstraint(
                fields=("points_account", "epoch"), name="allocation_account_once"
            ),
        ),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
    ]
