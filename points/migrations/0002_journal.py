"""What PostgreSQL itself holds of the journal: balance, order, immutability, roles.

All triggers on lines are per statement with a transition table: a trigger per row costs four to six
times as much on bulk loads. Functions that keep balances run as their owner, so that the
application's role needs no right to write them.
"""

from django.conf import settings
from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION points_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'points: % of % is refused: the journal is only appended to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

-- Entries go to the epoch in progress (the one after the last closed). Writers share its lock,
-- which closing takes alone: none can slip in behind the close.
CREATE FUNCTION points_check_entries() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

CREATE FUNCTION points_check_lines() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number bigint;
BEGIN
    -- The epoch's lock before any balance's, as everywhere.
    FOR number IN SELECT DISTINCT epoch_number FROM added ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock_shared(7411, number::int);
    END LOOP;
    IF EXISTS (SELECT 1 FROM added GROUP BY entry_id, unit HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'points: an entry does not balance'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_balances';
    END IF;
    IF EXISTS (
        SELECT 1
        FROM (SELECT entry_id, count(*) AS lines, max(position) AS last,
                     min(epoch_number) AS first_epoch, max(epoch_number) AS last_epoch
              FROM added GROUP BY entry_id) g
        LEFT JOIN points_entry e ON e.id = g.entry_id
        WHERE e.id IS NULL OR e.line_count <> g.lines OR g.last <> g.lines - 1
            OR g.first_epoch <> e.epoch_id OR g.last_epoch <> e.epoch_id
    ) THEN
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
    -- In the order of accounts, so that no two writers wait for each other in a circle.
    PERFORM 1 FROM points_balance b
        WHERE b.account_id IN (SELECT account_id FROM added WHERE account_id >= 1000)
        ORDER BY b.account_id FOR UPDATE;
    UPDATE points_balance b SET amount = b.amount + d.amount
        FROM (SELECT account_id, sum(amount) AS amount FROM added
              WHERE account_id >= 1000 GROUP BY account_id) d
        WHERE b.account_id = d.account_id;
    RETURN NULL;
END $$;

CREATE FUNCTION points_open_balance() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind <> 'system' THEN
        INSERT INTO points_balance (account_id, amount) VALUES (NEW.id, 0);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION points_guard_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'points: balances follow from lines alone'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION points_check_seals() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
        SELECT 1 FROM added a JOIN points_entry e ON e.id = a.entry_id
        WHERE e.digest <> a.digest OR e.epoch_id <> a.epoch_number
    ) THEN
        RAISE EXCEPTION 'points: a seal does not match its entry'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'seal_matches_entry';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION points_guard_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL
        OR (NEW.number, NEW.policy_hash, NEW.release_hash, NEW.salt, NEW.opened_at)
            IS DISTINCT FROM
           (OLD.number, OLD.policy_hash, OLD.release_hash, OLD.salt, OLD.opened_at)
        OR (OLD.closing_at IS NOT NULL AND NEW.closing_at IS DISTINCT FROM OLD.closing_at)
    THEN
        RAISE EXCEPTION 'points: what epoch % pinned or closed with stays', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER entries_checked AFTER INSERT ON points_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION points_check_entries();
CREATE TRIGGER lines_checked AFTER INSERT ON points_line
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION points_check_lines();
CREATE TRIGGER seals_checked AFTER INSERT ON points_seal
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION points_check_seals();
CREATE TRIGGER balance_opened AFTER INSERT ON points_account
    FOR EACH ROW EXECUTE FUNCTION points_open_balance();
CREATE TRIGGER balance_guarded BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON points_balance
    FOR EACH STATEMENT EXECUTE FUNCTION points_guard_balance();
CREATE TRIGGER epoch_guarded BEFORE UPDATE OR DELETE ON points_epoch
    FOR EACH ROW EXECUTE FUNCTION points_guard_epoch();
"""

APPEND_ONLY = ["points_entry", "points_line", "points_seal", "points_leaf", "points_allocation"]
REFUSALS = "".join(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION points_refuse();\n"
    for table in [*APPEND_ONLY, "points_account"]
) + (
    "CREATE TRIGGER points_epoch_kept BEFORE TRUNCATE ON points_epoch "
    "FOR EACH STATEMENT EXECUTE FUNCTION points_refuse();\n"
)

DROP = """
DROP FUNCTION points_refuse, points_check_entries, points_check_lines, points_open_balance,
    points_guard_balance, points_check_seals, points_guard_epoch CASCADE;
"""

# Ids below 1000 are the platform's own accounts.
FIRST_PERSONAL_ACCOUNT = "ALTER TABLE points_account ALTER COLUMN id RESTART WITH 1000"
SYSTEM_ACCOUNTS = """
INSERT INTO points_account (id, kind, unit, name, address) VALUES
    (1, 'system', 1, 'issuance', ''), (2, 'system', 1, 'converted', ''), (3, 'system', 1, 'carried', ''),
    (4, 'system', 1, 'burned', ''), (5, 'system', 1, 'ecosystem', ''), (6, 'system', 1, 'receivable', ''),
    (11, 'system', 2, 'emission', ''), (12, 'system', 2, 'claimed', ''), (13, 'system', 2, 'expired', '');
"""


def restrict_application_role(apps, schema_editor):
    """Where the owner migrates for a separate application role, that role only reads and appends."""
    role = settings.DATABASE_APP_ROLE
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s AND rolname <> current_user", [role]
        )
        if not cursor.fetchone():
            return
        quoted = schema_editor.quote_name(role)
        for table in [*APPEND_ONLY, "points_account"]:
            cursor.execute(f"REVOKE ALL ON {table} FROM {quoted}")
            cursor.execute(f"GRANT SELECT, INSERT ON {table} TO {quoted}")
        cursor.execute(f"REVOKE ALL ON points_balance FROM {quoted}")
        cursor.execute(f"GRANT SELECT ON points_balance TO {quoted}")
        cursor.execute(f"REVOKE ALL ON points_epoch FROM {quoted}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE ON points_epoch TO {quoted}")


class Migration(migrations.Migration):
    dependencies = [("points", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTIONS + TRIGGERS, DROP),
        migrations.RunSQL(REFUSALS, migrations.RunSQL.noop),
        migrations.RunSQL(FIRST_PERSONAL_ACCOUNT, migrations.RunSQL.noop),
        migrations.RunSQL(SYSTEM_ACCOUNTS, migrations.RunSQL.noop),
        migrations.RunPython(restrict_application_role, migrations.RunPython.noop),
    ]
