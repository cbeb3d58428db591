import chain.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('chain', '0001_initial'),
        ('contributions', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('system', 'system'), ('points', "a person's points"), ('owed', 'points a person owes from reversed work'), ('lam', 'LAM allocated to an address and not yet claimed')], max_length=8)),
                ('unit', models.PositiveSmallIntegerField(choices=[(1, 'Millipoints'), (2, 'LAM wei')])),
                ('name', models.CharField(blank=True, help_text='Of a system account.', max_length=32)),
                ('address', chain.fields.AddressField(blank=True, default='', max_length=42)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('settlement', 'verified workflow'), ('reversal', 'withdrawn workflow'), ('use', 'automation run'), ('carry', 'points carried to the next epoch'), ('conversion', 'points converted to LAM'), ('claim', 'LAM claimed on chain'), ('expiry', 'LAM expired to the treasury')], max_length=12)),
                ('posted_at', models.DateTimeField()),
                ('inputs', models.JSONField(default=dict, help_text='What the amounts were computed from.')),
                ('line_count', models.PositiveIntegerField()),
                ('salt', models.BinaryField()),
                ('digest', models.BinaryField(unique=True)),
                ('reverses', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='reversals', to='points.entry')),
            ],
            options={
                'verbose_name_plural': 'entries',
            },
        ),
        migrations.CreateModel(
            name='CapUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('day', 'work received on a day'), ('referral', 'referrals in an epoch')], max_length=8)),
                ('period', models.PositiveBigIntegerField(help_text='Days since 1970 UTC, or epoch number.')),
                ('millipoints', models.BigIntegerField(default=0)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='EmissionLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain_id', models.BigIntegerField()),
                ('block_number', models.BigIntegerField()),
                ('block_hash', chain.fields.HashField(max_length=66)),
                ('log_index', models.PositiveIntegerField()),
                ('transaction_hash', chain.fields.HashField(max_length=66)),
                ('at', models.DateTimeField(help_text='Time of the block.')),
                ('from_epoch', models.PositiveBigIntegerField(db_index=True)),
                ('limit_wei', chain.fields.WeiField(decimal_places=0, max_digits=78)),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('chain_id', 'block_hash', 'log_index'), name='emissionlimit_log_once')],
            },
        ),
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='idempotency', serialize=False, to='points.entry')),
                ('key', models.CharField(max_length=160, unique=True)),
                ('request_hash', chain.fields.HashField(max_length=66)),
            ],
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain_id', models.BigIntegerField()),
                ('block_number', models.BigIntegerField()),
                ('block_hash', chain.fields.HashField(max_length=66)),
                ('log_index', models.PositiveIntegerField()),
                ('transaction_hash', chain.fields.HashField(max_length=66)),
                ('at', models.DateTimeField(help_text='Time of the block.')),
                ('account', chain.fields.AddressField(db_index=True, max_length=42)),
                ('recipient', chain.fields.AddressField(max_length=42)),
                ('amount_wei', chain.fields.WeiField(decimal_places=0, max_digits=78)),
                ('cumulative_wei', chain.fields.WeiField(decimal_places=0, max_digits=78)),
                ('expired', models.BooleanField(default=False)),
                ('entry', models.ForeignKey(blank=True, help_text='Null when the ledger has no such allocation: reconciliation names it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='claims', to='points.entry')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Epoch',
            fields=[
                ('number', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ('policy_hash', chain.fields.HashField(max_length=66)),
                ('release_hash', chain.fields.HashField(max_length=66)),
                ('salt', models.BinaryField(help_text="Secret; salts the digests of the epoch's entries.")),
                ('opened_at', models.DateTimeField()),
                ('closing_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('chain_id', models.BigIntegerField(default=0, help_text='Where its root goes; 0: nowhere.')),
                ('distributor', chain.fields.AddressField(blank=True, default='', max_length=42)),
                ('ledger_root', chain.fields.HashField(blank=True, default='', max_length=66)),
                ('root', chain.fields.HashField(blank=True, default='', max_length=66)),
                ('bundle_hash', chain.fields.HashField(blank=True, default='', max_length=66)),
                ('millipoints', models.BigIntegerField(default=0, help_text='Converted to LAM at the close.')),
                ('emission_limit_wei', chain.fields.WeiField(decimal_places=0, default=0, help_text='What the schedule allowed.', max_digits=78)),
                ('emission_wei', chain.fields.WeiField(decimal_places=0, default=0, help_text='Allocated in this epoch.', max_digits=78)),
                ('total_wei', chain.fields.WeiField(decimal_places=0, default=0, help_text='Allocated in all epochs up to this one.', max_digits=78)),
                ('accounts', models.PositiveIntegerField(default=0, help_text='Paid in this epoch.')),
            ],
            options={
                'ordering': ['-number'],
                'constraints': [models.CheckConstraint(condition=models.Q(('policy_hash__regex', '^0x[0-9a-f]{64}$')), name='epoch_policy_hash_hash'), models.CheckConstraint(condition=models.Q(('release_hash__regex', '^0x[0-9a-f]{64}$')), name='epoch_release_hash_hash'), models.CheckConstraint(condition=models.Q(('emission_wei__gte', 0), ('emission_wei__lte', 115792089237316195423570985008687907853269984665640564039457584007913129639935)), name='epoch_emission_wei_uint256'), models.CheckConstraint(condition=models.Q(('total_wei__gte', 0), ('total_wei__lte', 115792089237316195423570985008687907853269984665640564039457584007913129639935)), name='epoch_total_wei_uint256'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='epoch_from_one'), models.CheckConstraint(condition=models.Q(models.Q(('bundle_hash', ''), ('closed_at', None), ('ledger_root', ''), ('root', '')), models.Q(('bundle_hash__regex', '^0x[0-9a-f]{64}$'), ('closed_at__isnull', False), ('closing_at__isnull', False), ('ledger_root__regex', '^0x[0-9a-f]{64}$'), ('root__regex', '^0x[0-9a-f]{64}$')), _connector='OR'), name='epoch_closed_complete'), models.CheckConstraint(condition=models.Q(('closing_at', None), ('closing_at__gte', models.F('opened_at')), _connector='OR'), name='epoch_closing_after_opening'), models.UniqueConstraint(models.Value(1), condition=models.Q(('closed_at__isnull', True)), name='epoch_one_at_a_time')],
            },
        ),
        migrations.AddField(
            model_name='entry',
            name='epoch',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='entries', to='points.epoch'),
        ),
        migrations.CreateModel(
            name='Leaf',
            fields=[
                ('index', models.PositiveIntegerField(primary_key=True, serialize=False)),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='leaf', to='points.account')),
                ('first_epoch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='new_leaves', to='points.epoch')),
            ],
            options={
                'verbose_name_plural': 'leaves',
            },
        ),
        migrations.CreateModel(
            name='Allocation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('categories', models.JSONField(help_text='Millipoints by category.')),
                ('millipoints', models.BigIntegerField()),
                ('wei', chain.fields.WeiField(decimal_places=0, max_digits=78)),
                ('cumulative_wei', chain.fields.WeiField(decimal_places=0, max_digits=78)),
                ('points_account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='points.account')),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='allocation', to='points.entry')),
                ('epoch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='points.epoch')),
                ('leaf', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='points.leaf')),
            ],
        ),
        migrations.CreateModel(
            name='Line',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('unit', models.PositiveSmallIntegerField(choices=[(1, 'Millipoints'), (2, 'LAM wei')])),
                ('category', models.PositiveSmallIntegerField(choices=[(1, 'verified work'), (2, 'work of people they brought'), (3, 'runs of their automations'), (4, 'automations they ran'), (5, 'work withdrawn'), (6, 'owed from reversed work'), (7, 'carried from another epoch'), (8, 'converted to LAM'), (9, 'LAM allocated'), (10, 'LAM claimed'), (11, 'LAM not claimed in time')])),
                ('epoch_number', models.PositiveBigIntegerField()),
                ('amount', chain.fields.WeiField(decimal_places=0, max_digits=78)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='lines', to='points.account')),
                ('entry', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='lines', to='points.entry')),
            ],
        ),
        migrations.CreateModel(
            name='RelayedClaim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', chain.fields.AddressField(max_length=42)),
                ('recipient', chain.fields.AddressField(max_length=42)),
                ('cumulative_wei', chain.fields.WeiField(decimal_places=0, max_digits=78)),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('intent', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='relayed_claim', to='chain.intent')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='relayed_claims', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='RootActivation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain_id', models.BigIntegerField()),
                ('block_number', models.BigIntegerField()),
                ('block_hash', chain.fields.HashField(max_length=66)),
                ('log_index', models.PositiveIntegerField()),
                ('transaction_hash', chain.fields.HashField(max_length=66)),
                ('at', models.DateTimeField(help_text='Time of the block.')),
                ('epoch_number', models.PositiveBigIntegerField(db_index=True)),
                ('root', chain.fields.HashField(max_length=66)),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('chain_id', 'block_hash', 'log_index'), name='rootactivation_log_once')],
            },
        ),
        migrations.CreateModel(
            name='RootSubmission',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain_id', models.BigIntegerField()),
                ('block_number', models.BigIntegerField()),
                ('block_hash', chain.fields.HashField(max_length=66)),
                ('log_index', models.PositiveIntegerField()),
                ('transaction_hash', chain.fields.HashField(max_length=66)),
                ('at', models.DateTimeField(help_text='Time of the block.')),
                ('epoch_number', models.PositiveBigIntegerField(db_index=True)),
                ('root', chain.fields.HashField(max_length=66)),
                ('total_wei', chain.fields.WeiField(decimal_places=0, max_digits=78)),
                ('source_totals_wei', models.JSONField()),
                ('policy_hash', chain.fields.HashField(max_length=66)),
                ('ledger_root', chain.fields.HashField(max_length=66)),
                ('bundle_hash', chain.fields.HashField(max_length=66)),
                ('activatable_at', models.BigIntegerField(help_text='Seconds since 1970.')),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('chain_id', 'block_hash', 'log_index'), name='rootsubmission_log_once')],
            },
        ),
        migrations.CreateModel(
            name='RootVeto',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain_id', models.BigIntegerField()),
                ('block_number', models.BigIntegerField()),
                ('block_hash', chain.fields.HashField(max_length=66)),
                ('log_index', models.PositiveIntegerField()),
                ('transaction_hash', chain.fields.HashField(max_length=66)),
                ('at', models.DateTimeField(help_text='Time of the block.')),
                ('epoch_number', models.PositiveBigIntegerField(db_index=True)),
                ('root', chain.fields.HashField(max_length=66)),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('chain_id', 'block_hash', 'log_index'), name='rootveto_log_once')],
            },
        ),
        migrations.CreateModel(
            name='Seal',
            fields=[
                ('position', models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ('digest', models.BinaryField()),
                ('chain', models.BinaryField()),
                ('epoch_number', models.PositiveBigIntegerField()),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='seal', to='points.entry')),
            ],
        ),
        migrations.CreateModel(
            name='Balance',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='points.account')),
                ('amount', chain.fields.WeiField(decimal_places=0, default=0, max_digits=78)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='balance_not_negative')],
            },
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.UniqueConstraint(condition=models.Q(('user__isnull', False)), fields=('user', 'kind'), name='account_once'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.UniqueConstraint(condition=models.Q(('address', ''), _negated=True), fields=('address',), name='account_address_once'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('address', ''), ('id__lt', 1000), ('kind', 'system'), ('user', None)), models.Q(('address', ''), ('id__gte', 1000), ('kind__in', ['points', 'owed']), ('unit', 1), ('user__isnull', False)), models.Q(('address__regex', '^0x[0-9a-fA-F]{40}$'), ('id__gte', 1000), ('kind', 'lam'), ('unit', 2), ('user', None)), _connector='OR'), name='account_owner'),
        ),
        migrations.AddConstraint(
            model_name='capusage',
            constraint=models.UniqueConstraint(fields=('kind', 'user', 'period'), name='cap_usage_once'),
        ),
        migrations.AddConstraint(
            model_name='capusage',
            constraint=models.CheckConstraint(condition=models.Q(('millipoints__gte', 0)), name='cap_usage_not_negative'),
        ),
        migrations.AddField(
            model_name='idempotencykey',
            name='workflow',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='contributions.workflow'),
        ),
        migrations.AddConstraint(
            model_name='claim',
            constraint=models.UniqueConstraint(fields=('chain_id', 'block_hash', 'log_index'), name='claim_log_once'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(fields=['epoch', 'id'], name='entry_epoch'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(('line_count__gte', 2)), name='entry_has_lines'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'reversal')), fields=('reverses',), name='entry_reversed_once'),
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.UniqueConstraint(fields=('epoch', 'leaf'), name='allocation_leaf_once'),
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.UniqueConstraint(fields=('epoch', 'points_account'), name='allocation_account_once'),
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.CheckConstraint(condition=models.Q(('millipoints__gt', 0)), name='allocation_for_points'),
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.CheckConstraint(condition=models.Q(('cumulative_wei__gte', models.F('wei')), ('wei__gte', 0)), name='allocation_adds_up'),
        ),
        migrations.AddIndex(
            model_name='line',
            index=models.Index(fields=['account', '-id'], name='line_account'),
        ),
        migrations.AddIndex(
            model_name='line',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['epoch_number'], name='line_epoch'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.UniqueConstraint(fields=('entry', 'position'), name='line_once'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='line_moves_something'),
        ),
        migrations.AddConstraint(
            model_name='line',
            constraint=models.CheckConstraint(condition=models.Q(('unit__in', [1, 2])), name='line_unit_known'),
        ),
        migrations.AddIndex(
            model_name='relayedclaim',
            index=models.Index(fields=['account', 'requested_at'], name='relayed_recent'),
        ),
        migrations.AddConstraint(
            model_name='relayedclaim',
            constraint=models.CheckConstraint(condition=models.Q(('account__regex', '^0x[0-9a-fA-F]{40}$')), name='relayed_account_address'),
        ),
        migrations.AddConstraint(
            model_name='relayedclaim',
            constraint=models.CheckConstraint(condition=models.Q(('recipient__regex', '^0x[0-9a-fA-F]{40}$')), name='relayed_recipient_address'),
        ),
        migrations.AddIndex(
            model_name='seal',
            index=models.Index(fields=['epoch_number', 'position'], name='seal_epoch'),
        ),
        migrations.AddConstraint(
            model_name='idempotencykey',
            constraint=models.CheckConstraint(condition=models.Q(('request_hash__regex', '^0x[0-9a-f]{64}$')), name='idempotency_request_hash_hash'),
        ),
    ]
