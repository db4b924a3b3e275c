"""Prints what checkov finds in each folder, as JSON: `.venv-policy/bin/python run_checkov.py FOLDER ...`.

Checkov's own command takes two seconds to start. Given two folders it looks into the first one twice, and in one folder
for all, a pod would count as covered by another overlay's network policy.
"""

import json
import sys

from checkov.kubernetes.runner import Runner
from checkov.runner_filter import RunnerFilter

found = {}
for folder in sys.argv[1:]:
    report = Runner().run(folder, runner_filter=RunnerFilter(show_progress_bar=False))
    assert not report.parsing_errors, report.parsing_errors
    assert report.passed_checks, f"checkov saw no object in {folder}"
    found[folder] = [f"{check.check_id} {check.resource}: {check.check_name}" for check in report.failed_checks]
print(json.dumps(found))
