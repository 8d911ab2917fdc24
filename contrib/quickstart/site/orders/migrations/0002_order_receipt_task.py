"""Orders remember the task that makes their receipt."""
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="order",
            name="receipt_task",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
    ]
