"""Push: the exported adapter to the Hub; what would travel is shown first, and only that travels.

Reads FOLDER/adapter as `make export` writes it. Without --really nothing is sent. Only the files
that are named here travel: card, adapter, prompts, record; no data of a task. An interrupted upload
goes on when it is repeated. The token is that of `hf auth login` or HF_TOKEN.

    python -m analysis.push org/name                 # a dry run
    python -m analysis.push org/name --really        # a private repository, unless it exists
"""

import logging
from pathlib import Path

from analysis.provenance import EXPORTED, read_record
from stages.common.command import InputError, argument_parser, run
from stages.training.provenance import RunRecord, file_hash

log = logging.getLogger(__name__)

WEIGHTS = "adapter_model.safetensors"
TRAVEL = ("README.md", "adapter_config.json", WEIGHTS, "prompts.json", EXPORTED)
"""What may travel."""


def check_names(record: RunRecord) -> None:
    """Makes sure that a record has no paths of this machine.

    Raises:
        InputError: if it has.
    """
    places = [place.place for place in (record.base, record.tokenizer) if place]
    names = [*places, *record.inputs]
    if foreign := [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise InputError(
            f"the record names paths outside the repository, which would be published:"
            f" {', '.join(foreign)}; expected hub ids, or paths within the repository"
        )


def push(folder: Path, name: str) -> str:
    """Uploads an exported adapter.

    Args:
        folder: as analysis.export has written it.
        name: hub id, org/name.

    Returns:
        The address of the commit.

    Raises:
        InputError: if the hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi()
    try:
        hub.create_repo(name, private=True, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=name,
            folder_path=folder,
            allow_patterns=list(TRAVEL),
            commit_message=f"Adapter {file_hash(folder / WEIGHTS).sha256[:8]}",
        )
    except (OSError, ValueError, RuntimeError, HfHubHTTPError) as error:
        raise InputError(f"{name}: cannot be uploaded; repeated, it goes on: {error}") from error
    return str(commit.commit_url)


def main() -> None:
    """Shows what would travel, or sends it."""
    parser = argument_parser(__doc__)
    parser.add_argument("name", help="hub id, org/name")
    parser.add_argument("--folder", type=Path, default=Path("export/adapter"))
    parser.add_argument("--really", action="store_true", help="send it")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    check_names(read_record(folder))
    for name in TRAVEL:
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path}: no such file; `make export` comes first")
        content = file_hash(path)
        print(f"{content.sha256[:12]} {content.size:>12,} bytes  {name}")
    if arguments.really:
        print(push(folder, arguments.name))
    else:
        print(f"\nA dry run: nothing was sent to {arguments.name}. --really sends it.")


if __name__ == "__main__":
    run(main)
