"""Records and populations in, findings and sentences out: shift, transfer, comparison, verdict, health, selection."""

from core.reports import shift_kind  # noqa: F401  (registers what it finds among the measures)
