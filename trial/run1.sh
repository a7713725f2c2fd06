# Three candidates of a base, pretrained side by side, then fine-tuned on the sample's encoded data.
set -u
export PYTHONPATH=$PWD/.gpu/site:$PWD TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
limit=${1:-285}
pretrain() {
  name=$1; shift
  python -m recipes.base.pretrain "$OUT/$name" --tokens 8e9 --time-limit "$limit" --workers 5 --batch-rows 48 \
    --first-lesson 30e6 --second-lesson 60e6 --evaluation-items 100 --compiled "$@" > "$OUT/$name.log" 2>&1
}
pretrain four --layers 4 --hidden 192 --intermediate 512 &
pretrain six --layers 6 --hidden 192 --intermediate 512 &
pretrain slow --layers 6 --hidden 192 --intermediate 512 --learning-rate 1.5e-3 &
(sleep 120; tail -qn 2 "$OUT"/*.log; sleep 90;  tail -qn 2 "$OUT"/*.log) &
wait
for name in four six slow; do echo "== $name"; grep -v 'Loading\|shards' "$OUT/$name.log" | tail -n 42 | cut -c 1-1500; done
mkdir -p "$OUT/ft"
cp -r data/base /tmp/committed
bash trial/finetune.sh trial/encoded "$OUT/ft" "$OUT/four" "$OUT/six" "$OUT/slow" /tmp/committed
