"""Entry points: `served` is what our web server runs, `application` is for any other that speaks WSGI."""

import os
import threading
from importlib import import_module

from django.core.wsgi import get_wsgi_application

from boursomatic.serve.bridge import Bridge
from boursomatic.serve.turns import Turns

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "boursomatic.settings")
application = Turns(get_wsgi_application())
served = Bridge(application)

# Serving predictions needs LightGBM, whose import takes 3 s of a core: fetched after the rush of the start.
_later = threading.Timer(10, import_module, args=("lightgbm",))
_later.daemon = True
_later.start()
