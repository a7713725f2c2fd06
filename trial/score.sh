# Scores fine-tuned bases against the linear models: score.sh ENCODED RESULTS (folders NAME/predictions in it)
set -u
export OMP_NUM_THREADS=1
encoded=$1; results=$2; w=$(mktemp -d)
.venv/bin/python -m stages.baseline "$encoded" "$w/linear" > /dev/null 2>&1
.venv/bin/python -m stages.decode data/sample "$w/linear" "$w/linear_sub" "$w/m" > /dev/null 2>&1
for p in "$results"/*/predictions; do
  name=$(basename "$(dirname "$p")")
  .venv/bin/python -m stages.decode data/sample "$p" "$w/$name" "$w/m-$name" > /dev/null 2>&1
  echo "== $name (A: linear, B: the model)"
  .venv/bin/python -m analysis.compare "$w/linear_sub" "$w/$name"
done
