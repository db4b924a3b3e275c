"""`make diff`: what the working tree changes in the manifests that each overlay renders, object by object."""

import difflib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from local.kustomize import ROOT, overlays, render, run

COMMENT = 65_536  # Characters that GitHub takes in a comment.
MARKER = "<!-- rendered manifests -->"  # By which the workflow finds its comment again.
COLOURS = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"}


def main() -> None:
    """Print the difference from where the branch left `base`, as FORMAT says.

    Raises:
        SystemExit: something does not render, or there is no such base; the message says which.
    """
    base, form = sys.argv[1:]
    if form not in ("text", "markdown"):
        raise SystemExit(f"bookshelf: FORMAT is text or markdown, not {form}")
    commit = run("git", "merge-base", base, "HEAD").strip()
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, [file for file in files if file.name.startswith("k8s/")], filter="data")
        before = {name: objects(render(name, Path(folder))) for name in overlays(Path(folder))}
    after = {name: objects(render(name)) for name in overlays()}
    changes = {name: compare(before.get(name, {}), after.get(name, {})) for name in sorted({*before, *after})}
    print(markdown(changes, commit) if form == "markdown" else text(changes, commit))


def objects(rendered: str) -> dict[str, str]:
    """The objects by kind, namespace and name, less the hash that kustomize appends to the names of ConfigMaps."""
    found = {}
    for document in rendered.split("\n---\n"):
        kind = re.search(r"^kind: (.+)$", document, re.MULTILINE)
        metadata = re.search(r"^metadata:\n((?: .*\n?)+)", document, re.MULTILINE)
        if kind and metadata:
            place = [re.search(rf"^  {field}: (.+)$", metadata[1], re.MULTILINE) for field in ("namespace", "name")]
            name = "/".join(part[1] for part in place if part)
            if kind[1] in ("ConfigMap", "Secret"):
                name = re.sub("-[2456789bcdfghkmt]{10}$", "", name)
            found[f"{kind[1]} {name}"] = document.strip("\n")
    return found


def compare(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, list[str]]]:
    """What happened to each object that is not the same, and the lines of its difference."""
    changes = []
    for name in sorted({*before, *after}):
        was, becomes = before.get(name, ""), after.get(name, "")
        if was != becomes:
            what = "added" if not was else "removed" if not becomes else "changed"
            lines = difflib.unified_diff(was.splitlines(), becomes.splitlines(), lineterm="")
            changes.append((f"{name}: {what}", list(lines)[2:]))
    return changes


def text(changes: dict[str, list[tuple[str, list[str]]]], commit: str) -> str:
    """The changes for a terminal."""
    colours = COLOURS if sys.stdout.isatty() and "NO_COLOR" not in os.environ else {}
    lines = [f"Compared with {commit[:12]}:"]
    for overlay, changed in changes.items():
        lines += ["", f"{overlay}: {summary(changed)}"]
        for name, difference in changed:
            lines += ["", f"  {name}"]
            for line in difference:
                colour = colours.get(line[:1])
                lines.append(f"    {colour}{line}\033[0m" if colour else f"    {line}")
    return "\n".join(lines)


def markdown(changes: dict[str, list[tuple[str, list[str]]]], commit: str) -> str:
    """The changes as a comment on a pull request, which has a limit."""
    parts = [MARKER, f"Rendered manifests, compared with {commit[:12]}:"]
    room = (COMMENT - 1000) // max(1, sum(map(bool, changes.values())))
    for overlay, changed in changes.items():
        if not changed:
            parts.append(f"**{overlay}**: no change.")
            continue
        body = "\n".join(line for name, difference in changed for line in (f"# {name}", *difference, ""))
        if len(body) > room:
            body = body[:room].rpartition("\n")[0] + "\n# Too long for a comment. All of it: make diff"
        fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall("`+", body))])
        heading = f"<summary><b>{overlay}</b>: {summary(changed)}</summary>"
        parts.append(f"<details>{heading}\n\n{fence}diff\n{body}\n{fence}\n\n</details>")
    return "\n\n".join(parts)


def summary(changed: list[tuple[str, list[str]]]) -> str:
    """How many objects were added, changed and removed."""
    outcomes = [name.rpartition(" ")[2] for name, _ in changed]
    return ", ".join(f"{outcomes.count(what)} {what}" for what in dict.fromkeys(outcomes)) or "no change"


if __name__ == "__main__":
    main()
