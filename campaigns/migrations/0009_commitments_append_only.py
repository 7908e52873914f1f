"""What was promised and published is never edited: the database itself refuses UPDATE, DELETE and TRUNCATE."""

from django.db import migrations

TABLES = ("campaigns_commitment", "campaigns_claimlog")
FORWARD = """
CREATE FUNCTION campaigns_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Only a test run's own connections carry this, to empty their throw-away database between tests.
  IF TG_OP = 'TRUNCATE' AND current_setting('liveshop.test_flush', true) = 'on' AND current_database() LIKE 'test%' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'promises and published logs are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
""" + "".join(
    f"""
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION campaigns_refuse_change();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION campaigns_refuse_change();
"""
    for table in TABLES
)
BACKWARD = (
    "".join(f"DROP TRIGGER {table}_append_only ON {table}; DROP TRIGGER {table}_no_truncate ON {table};" for table in TABLES)
    + "DROP FUNCTION campaigns_refuse_change;"
)


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0008_commitments")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
