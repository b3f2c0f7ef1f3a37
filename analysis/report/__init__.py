"""The report of a sweep: one HTML file that opens offline, and figures for papers."""

from analysis.report.report import build_report, written

__all__ = ["build_report", "written"]
