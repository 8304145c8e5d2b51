"""One self-contained HTML page from the runs and their statistics."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kerasrecipes.comparison.comparable import diff_recipes
from kerasrecipes.comparison.description import lower_first, shorten_names
from kerasrecipes.comparison.table import make_tables
from kerasrecipes.report.page import get_environment
from kerasrecipes.report.tables import write_score
from kerasrecipes.report.words import write_rows, write_seconds
from kerasrecipes.rows.words import count
from kerasrecipes.runs import Run

if TYPE_CHECKING:
    from kerasrecipes.comparison.comparison import Comparison


def render_comparison(comparison: Comparison) -> tuple[str, list[str]]:
    """Write the comparison's page, from the runs' files alone.

    Returns:
        The page, and warnings, such as of a script that no installed font can draw.
    """
    from kerasrecipes.comparison.pictures import draw_pictures

    figures, warnings = draw_pictures(comparison)
    ranking, contenders = comparison.ranking, comparison.contenders
    infos = [run.info for contender in contenders for run in contender.runs]
    dataset = infos[0]["dataset"]
    fit_s = sum(info.get("seconds", {}).get("fit", 0) for info in infos)

    def link(run: Run) -> str:
        return Path(os.path.relpath(run.report_path, comparison.page.parent)).as_posix()

    page = get_environment("kerasrecipes.comparison").get_template("comparison.html.j2")
    html = page.render(
        title=f"{count(len(contenders), 'recipe')} compared by "
        f"{comparison.part} {lower_first(comparison.metric_name)}",
        lines=str(comparison).splitlines(),
        metric=comparison.metric_name,
        ranking=ranking,
        contenders=contenders,
        names=shorten_names([contender.name for contender in contenders]),
        dataset=dataset,
        facts={"Data": dataset.get("origin"), "Rows": write_rows(dataset["rows"])},
        tiles=[
            (write_score(ranking.standings[0].mean), "best mean"),
            (ranking.n, f"{ranking.draw_name}s each"),
            (len(infos), "runs"),
            (write_seconds(fit_s), "to fit them all"),
        ],
        figures=figures,
        tables=make_tables(comparison),
        diffs=[diff_recipes(contenders[0].settings, each.settings) for each in contenders[1:]],
        score=write_score,
        link=link,
        command=comparison.command,
        warnings=dict.fromkeys([*(w for i in infos for w in i.get("warnings", ())), *warnings]),
    )
    return html, warnings
