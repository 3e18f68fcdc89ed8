"""A report as a Markdown page."""


def as_table_page(title: str, said: str, rows: list[tuple[str, str]]) -> str:
    """Return a page of a title, what is said of the run, and one row per figure."""
    lines = [f"| {what} | {figure} |" for what, figure in rows]
    return "\n".join([f"# {title}", "", said, "", "| what | figure |", "|---|---|", *lines, ""])
