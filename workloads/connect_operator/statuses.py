"""Writes the status of resources, when it says something new."""

import logging
from collections.abc import Mapping
from typing import Any

from workloads.common.kube import ApiError, Kube, KubeError
from workloads.common.logs import fields
from workloads.connect_operator import status

logger = logging.getLogger(__name__)


def write(kube: Kube, path: str, wanted: Mapping[str, Any]) -> bool:
    """Write it to the resource at `path`, as it is by now; whether it stands there.

    Against the newest version: a status of an older generation can replace that of a newer one, as Strimzi's does,
    until the newer one is carried out again. A conflict or an API server that does not answer is logged: the next
    reconcile writes it.
    """
    try:
        known = kube.get(path)
        if not status.differs(known.get("status"), wanted):
            return True
        kube.put(f"{path}/status", {**known, "status": dict(wanted)})
    except ApiError as error:
        if error.status == 404:
            return False  # it is gone; there is nobody to tell
        logger.warning("the status was not written", extra=fields(path=path, error=str(error)))
        return False
    except KubeError as error:
        logger.warning("the status was not written", extra=fields(path=path, error=str(error)))
        return False
    return True
