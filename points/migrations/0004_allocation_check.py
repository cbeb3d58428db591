"""Compare allocations with the lines of their conversions by hashing: an entry has 2,000 lines."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION points_check_allocations() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp SET enable_nestloop = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT entry_id, epoch_id FROM added) a
        LEFT JOIN points_entry e ON e.id = a.entry_id
        WHERE e.kind IS DISTINCT FROM 'conversion' OR e.epoch_id <> a.epoch_id
    ) OR EXISTS (
        WITH moved AS MATERIALIZED (
            SELECT l.entry_id, l.account_id, l.amount FROM points_line l
            WHERE l.entry_id = ANY (ARRAY(SELECT DISTINCT entry_id FROM added))
                AND l.account_id >= 1000
        )
        SELECT 1 FROM added a
        LEFT JOIN points_leaf f ON f.index = a.leaf_id
        LEFT JOIN moved p ON p.entry_id = a.entry_id AND p.account_id = a.points_account_id
        LEFT JOIN moved l ON l.entry_id = a.entry_id AND l.account_id = f.account_id
        WHERE f.index IS NULL
            OR p.amount IS DISTINCT FROM -a.millipoints OR coalesce(l.amount, 0) <> a.wei
    ) THEN
        RAISE EXCEPTION 'points: an allocation is not what its conversion moved'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'allocation_matches_entry';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("points", "0003_set_based")]

    operations = [migrations.RunSQL(FUNCTION, migrations.RunSQL.noop)]
