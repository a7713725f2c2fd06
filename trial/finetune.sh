# Fine-tunes and asks bases, each in a folder of its own: finetune.sh ENCODED RESULTS BASE...
set -u
encoded=$(realpath "$1"); results=$2; shift 2
root=$PWD; mkdir -p "$results"; results=$(realpath "$results")
for base in "$@"; do
  (
    base=$(realpath "$base"); name=$(basename "$base")
    mkdir -p "$results/$name/work"; cd "$results/$name/work" || exit 1
    sed "s|^  base: .*|  base: $base|" "$root/params.yaml" > params.yaml
    for change in ${CHANGES:-}; do python - "$change" <<'P'
import sys
from ruamel.yaml import YAML
y = YAML(); d = y.load(open("params.yaml")); k, v = sys.argv[1].split("="); s = d
*path, last = k.split(".")
for p in path: s = s[p]
s[last] = YAML(typ="safe").load(v); y.dump(d, open("params.yaml", "w"))
P
    done
    python -m stages.finetune "$encoded" adapter metrics && \
    python -m stages.infer "$encoded" adapter predictions metrics
    cp -r predictions metrics params.yaml ..; rm -rf adapter
    cd ..; rm -rf work
  ) > "$results/$(basename "$base").ft.log" 2>&1 &
done
wait
for base in "$@"; do echo "== $(basename "$base")"; tr '\r' '\n' < "$results/$(basename "$base").ft.log" | grep -v '%|' | tail -4; done
