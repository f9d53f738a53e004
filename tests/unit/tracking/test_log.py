from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest_tracking import snapshot_frame

from smartaccounts.bundle import Bundle, load
from smartaccounts.tracking import log, model
from smartaccounts.tracking.content import Training, files
from smartaccounts.tracking.log import log_training
from smartaccounts.tracking.store import Store, reached
