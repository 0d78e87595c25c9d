"""Every view that interlink keeps."""

from __future__ import annotations

from projections import access, activity, documents, plan, processes
from projections.ports import View

VIEWS: tuple[View, ...] = (processes.VIEW, plan.VIEW, access.VIEW, activity.VIEW, documents.VIEW)
