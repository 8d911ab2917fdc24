"""What is ordered. The receipt is made later, by a Celery worker."""
from django.db import models


class Order(models.Model):
    item = models.CharField(max_length=80)
    created = models.DateTimeField(auto_now_add=True)
    receipt_task = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering = ["-id"]
