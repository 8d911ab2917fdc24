"""What the workers do."""
from celery import shared_task

from .models import Order


@shared_task
def make_receipt(order_id):
    """The receipt's text; it is the task's result."""
    order = Order.objects.get(pk=order_id)
    return "receipt %d for %s" % (order.pk, order.item.upper())
