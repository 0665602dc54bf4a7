"""action.yml and templates/imgscan.yml, from the table of settings: what can be configured is an input of both.

python -m scripts.integrations
"""

from __future__ import annotations

from pathlib import Path

from imgscan.configuration.settings import SETTINGS, Kind, Setting

ROOT = Path(__file__).parents[1]
LEFT_OUT = frozenset({"format", "output", "quiet", "verbose"})
"""What the action and the component decide: which formats they need."""

ACTION = """\
# Made by `make docs` from the table of settings (scripts/integrations.py).
name: imgscan
description: What is in a built container image: who it runs as, its secrets, its tools, what deleted files still tell
author: imgscan
branding:
  icon: search
  color: blue
inputs:
  image:
    description: The image to look at: a reference or a path, as for `imgscan inspect`.
    required: true
  formats:
    description: More formats, one FORMAT=FILE a line, beside the table in the log and SARIF.
    default: ""
  sarif-file:
    description: Where the SARIF document goes.
    default: imgscan.sarif
  upload-sarif:
    description: Whether it is uploaded to code scanning; the job needs the permission security-events=write.
    default: "true"
  category:
    description: The category of the upload, where several images are looked at in one commit.
    default: ""
  python:
    description: The Python to run with, 3.11 or newer; the runner's own `python3` where it is empty.
    default: ""
{inputs}outputs:
  exit-code:
    description: 0 nothing found, 1 found, 2 wrong usage, 3 not or not completely scanned.
    value: ${{{{ steps.inspect.outputs.exit-code }}}}
  sarif-file:
    description: The path of the SARIF document, empty where there is none.
    value: ${{{{ steps.inspect.outputs.sarif-file }}}}
runs:
  using: composite
  steps:
    - name: Install imgscan
      shell: bash
      env:
        PYTHON: ${{{{ inputs.python }}}}
        ACTION: ${{{{ github.action_path }}}}
      run: |
        set -euo pipefail
        "${{PYTHON:-python3}}" -m venv "$RUNNER_TEMP/imgscan"
        "$RUNNER_TEMP/imgscan/bin/pip" install --quiet --disable-pip-version-check "$ACTION"
    - name: Inspect the image
      id: inspect
      shell: bash
      # Inputs come as variables: text that a shell would read stays text.
      env:
        IMAGE: ${{{{ inputs.image }}}}
        FORMATS: ${{{{ inputs.formats }}}}
        SARIF: ${{{{ inputs.sarif-file }}}}
{variables}      run: |
        set -uo pipefail
        for name in $(compgen -e IMGSCAN_); do [[ -n ${{!name}} ]] || unset "$name"; done
        wanted=(-f table -f "sarif=$SARIF")
        while IFS= read -r line; do [[ -z $line ]] || wanted+=(-f "$line"); done <<<"$FORMATS"
        code=0
        "$RUNNER_TEMP/imgscan/bin/imgscan" inspect "$IMAGE" "${{wanted[@]}}" || code=$?
        echo "exit-code=$code" >>"$GITHUB_OUTPUT"
        [[ ! -e $SARIF ]] || echo "sarif-file=$SARIF" >>"$GITHUB_OUTPUT"
        exit $code
    - name: Upload to code scanning
      if: always() && inputs.upload-sarif == 'true' && steps.inspect.outputs.sarif-file != ''
      uses: github/codeql-action/upload-sarif@v3
      with:
        sarif_file: ${{{{ steps.inspect.outputs.sarif-file }}}}
        category: ${{{{ inputs.category }}}}
"""

COMPONENT = """\
# Made by `make docs` from the table of settings (scripts/integrations.py).
spec:
  inputs:
    image:
      description: The image to look at: a reference or a path, as for `imgscan inspect`.
    stage:
      default: test
      description: The stage of the job.
    job-name:
      default: imgscan
      description: The job's name.
    scanner:
      default: python:3.13-slim
      description: The image that the job runs in; it needs Python 3.11 or newer with pip, or imgscan itself.
    package:
      default: imgscan
      description: What pip installs, a requirement or a path; nothing where it is empty.
{inputs}---
"$[[ inputs.job-name ]]":
  stage: "$[[ inputs.stage ]]"
  image: "$[[ inputs.scanner ]]"
  variables:
    IMAGE: "$[[ inputs.image ]]"
    PACKAGE: "$[[ inputs.package ]]"
{variables}  script:
    # What is empty was not asked for.
    - for name in $(env | sed -n 's/^\\(IMGSCAN_[A-Z_]*\\)=$/\\1/p'); do unset "$name"; done
    - if [ -n "$PACKAGE" ]; then pip install --quiet --disable-pip-version-check "$PACKAGE"; fi
    - >-
      imgscan inspect "$IMAGE" -f table -f gitlab=gl-code-quality-report.json
      -f gitlab-secrets=gl-secret-detection-report.json -f junit=imgscan.xml
  artifacts:
    when: always
    paths: [gl-code-quality-report.json, gl-secret-detection-report.json, imgscan.xml]
    reports:
      codequality: gl-code-quality-report.json
      secret_detection: gl-secret-detection-report.json
      junit: imgscan.xml
"""


def action() -> str:
    """The composite action for GitHub."""
    inputs = "".join(
        f'  {setting.key}:\n    description: {_quoted(_about(setting))}\n    default: ""\n' for setting in _settings()
    )
    variables = "".join(f"        {s.variable}: ${{{{ inputs.{s.key} }}}}\n" for s in _settings())
    return _with_quoted(ACTION.format(inputs=inputs, variables=variables))


def component() -> str:
    """The CI/CD component for GitLab."""
    inputs = "".join(
        f'    {setting.key}:\n      default: ""\n      description: {_quoted(_about(setting))}\n'
        for setting in _settings()
    )
    variables = "".join(f'    {s.variable}: "$[[ inputs.{s.key} ]]"\n' for s in _settings())
    return _with_quoted(COMPONENT.format(inputs=inputs, variables=variables))


def _settings() -> list[Setting]:
    return [setting for setting in SETTINGS if setting.key not in LEFT_OUT]


def _about(setting: Setting) -> str:
    how = {
        Kind.SWITCH: "true or false.",
        Kind.TEXTS: "Several: separated by commas.",
        Kind.PATHS: "Several: by commas.",
    }
    choices = f"One of {', '.join(setting.choices)}." if setting.kind is Kind.CHOICE else ""
    levels = "NAME=SEVERITY, several separated by commas." if setting.kind is Kind.LEVELS else ""
    return " ".join(part for part in (setting.about, choices, levels, how.get(setting.kind, "")) if part)


def _with_quoted(text: str) -> str:
    """A document whose plain descriptions are quoted: some hold a colon."""
    lines = []
    for line in text.splitlines():
        key, colon, value = line.partition("description: ")
        lines.append(f"{key}{colon}{_quoted(value)}" if colon and not key.strip() and value[0] != '"' else line)
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


DOCUMENTS = {"action.yml": action, "templates/imgscan.yml": component}


def main() -> None:
    """Write them."""
    for name, make in DOCUMENTS.items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
