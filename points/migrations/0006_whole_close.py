"""A close's lines by one statement of millions, checks and indexes that cost less.

A user's accounts and an epoch's allocations are found by other indexes; what an address and a hash
look like is checked by their length instead of by counting in a pattern.
"""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models


FUNCTIONS = """
-- How many lines an entry has is checked where they come: they come with it or not at all.
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
           EXISTS (SELECT 1 FROM added a
                   WHERE NOT EXISTS (SELECT 1 FROM points_line l WHERE l.entry_id = a.id))
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
    -- A close holds the epoch's lock alone and has nobody to wait for. It changes millions of
    -- balances, from one end of the table to the other.
    IF current_setting('points.alone', true) = 'on' THEN
        PERFORM set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true),
                set_config('enable_seqscan', 'on', true);
        UPDATE points_balance b SET amount = b.amount + d.amount
            FROM (SELECT account_id, sum(amount) AS amount FROM added
                  WHERE account_id >= 1000 GROUP BY account_id ORDER BY account_id) d
            WHERE b.account_id = d.account_id;
        RETURN NULL;
    END IF;
    -- In the order of accounts, so that no two writers wait for each other in a circle.
    IF seen.several THEN
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
"""


class Migration(migrations.Migration):

    dependencies = [
        ('contributions', '0001_initial'),
        ('points', '0005_fewer_statements'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='account',
            name='account_owner',
        ),
        migrations.RemoveConstraint(
            model_name='idempotencykey',
            name='idempotency_request_hash_hash',
        ),
        migrations.AlterField(
            model_name='account',
            name='user',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='allocation',
            name='epoch',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='allocations', to='points.epoch'),
        ),
        migrations.AlterField(
            model_name='leaf',
            name='first_epoch',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='new_leaves', to='points.epoch'),
        ),
        migrations.AddIndex(
            model_name='allocation',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['epoch'], name='allocation_epoch'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('address', ''), ('id__lt', 1000), ('kind', 'system'), ('user', None)), models.Q(('address', ''), ('id__gte', 1000), ('kind__in', ['points', 'owed']), ('unit', 1), ('user__isnull', False)), models.Q(models.Q(django.db.models.lookups.Exact(django.db.models.functions.text.Length('address'), 42), ('address__regex', '^0x[0-9a-fA-F]+$')), ('id__gte', 1000), ('kind', 'lam'), ('unit', 2), ('user', None)), _connector='OR'), name='account_owner'),
        ),
        migrations.AddConstraint(
            model_name='idempotencykey',
            constraint=models.CheckConstraint(condition=models.Q(django.db.models.lookups.Exact(django.db.models.functions.text.Length('request_hash'), 66), ('request_hash__regex', '^0x[0-9a-f]+$')), name='idempotency_request_hash_hash'),
        ),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
    ]
