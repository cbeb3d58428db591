import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contributions', '0001_initial'),
        ('points', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Automation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=120)),
                ('description', models.TextField(blank=True, max_length=2000)),
                ('parameters', models.JSONField(default=list, help_text='Names of what a run must be given.')),
                ('actions', models.PositiveIntegerField(help_text='The most actions that a run can cost.')),
                ('state', models.CharField(choices=[('published', 'Published'), ('retired', 'Retired')], default='published', max_length=10)),
                ('published_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('creator', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='automations', to=settings.AUTH_USER_MODEL)),
                ('workflow', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='automation', to='contributions.workflow')),
            ],
        ),
        migrations.CreateModel(
            name='Use',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('actions', models.PositiveIntegerField()),
                ('outcome', models.CharField(choices=[('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], max_length=10)),
                ('price_millipoints', models.BigIntegerField()),
                ('creator_millipoints', models.BigIntegerField()),
                ('burned_millipoints', models.BigIntegerField()),
                ('ecosystem_millipoints', models.BigIntegerField()),
                ('automation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='uses', to='marketplace.automation')),
                ('entry', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='use', to='points.entry')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='automation_uses', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddIndex(
            model_name='automation',
            index=models.Index(fields=['state', '-id'], name='automation_listing'),
        ),
        migrations.AddConstraint(
            model_name='automation',
            constraint=models.CheckConstraint(condition=models.Q(('actions__gte', 1)), name='automation_does_something'),
        ),
        migrations.AddConstraint(
            model_name='automation',
            constraint=models.CheckConstraint(condition=models.Q(('title', ''), _negated=True), name='automation_titled'),
        ),
        migrations.AddConstraint(
            model_name='automation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('retired_at', None), ('state', 'published')), models.Q(('retired_at__isnull', False), ('state', 'retired')), _connector='OR'), name='automation_retired_when'),
        ),
        migrations.AddIndex(
            model_name='use',
            index=models.Index(fields=['user', '-at', '-id'], name='use_listing'),
        ),
        migrations.AddConstraint(
            model_name='use',
            constraint=models.CheckConstraint(condition=models.Q(('price_millipoints', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('creator_millipoints'), '+', models.F('burned_millipoints')), '+', models.F('ecosystem_millipoints')))), name='use_shares_add_up'),
        ),
        migrations.AddConstraint(
            model_name='use',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('entry', None), ('price_millipoints', 0)), models.Q(('entry__isnull', False), ('price_millipoints__gt', 0)), _connector='OR'), name='use_paid_by_entry'),
        ),
        migrations.AddConstraint(
            model_name='use',
            constraint=models.CheckConstraint(condition=models.Q(('burned_millipoints__gte', 0), ('creator_millipoints__gte', 0), ('ecosystem_millipoints__gte', 0)), name='use_shares_not_negative'),
        ),
    ]
