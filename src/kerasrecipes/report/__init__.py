"""From a run folder's files to its report: pictures, and one page that opens anywhere."""

from __future__ import annotations

from collections.abc import Sequence

from kerasrecipes.report.choices import choose_plots, choose_samples
from kerasrecipes.runs import Run

__all__ = ["choose_plots", "choose_samples", "make_report"]


def make_report(run: Run, plots: Sequence[str]) -> list[str]:
    """Draw the chosen pictures and write the page, from nothing but the run's files.

    A picture whose data the run does not have is left out.

    Returns:
        Warnings for a person, such as of a script that no installed font can draw.
    """
    from kerasrecipes.report.page import render_page
    from kerasrecipes.report.pictures import draw_pictures
    from kerasrecipes.report.results import read_results

    results = read_results(run)
    pictures, warnings = draw_pictures(results, plots)
    for picture in pictures:
        run.write_plot(picture.name, picture.image)
    run.write_report(render_page(results, pictures, warnings))
    return warnings
