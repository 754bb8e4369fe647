"""`{{ run.kind|kind_label }}`: a kind of run in words."""

from django import template

from training.recipes.kinds import label_of

register = template.Library()
register.filter("kind_label", label_of)
