# One base on the whole GPU, then fine-tuned on the sample's encoded data with three seeds beside the committed base.
# run2.sh [SECONDS of pretraining] [SECONDS of all]
set -u
export PYTHONPATH=$PWD/.gpu/site:$PWD TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
limit=${1:-360}; all=${2:-545}
mkdir -p /tmp/r2 && R=/tmp/r2
pack() { tar czf "$OUT/all.tgz.part" -C "$R" --exclude='*/work' . && mv "$OUT/all.tgz.part" "$OUT/all.tgz"; }
OMP_NUM_THREADS=1 python -m recipes.base.pretrain "$R/new" --tokens 8e9 --time-limit "$limit" --workers 15 --batch-rows 48 \
  --layers 5 --first-lesson 20e6 --second-lesson 120e6 --evaluation-items 100 --compiled > "$R/new.log" 2>&1 &
job=$!
while kill -0 $job 2>/dev/null; do sleep 5; [ $((SECONDS % 60)) -lt 5 ] && tail -n 2 "$R/new.log" | cut -c 1-700; done
wait $job; echo "pretraining: exit $? after $SECONDS s"
grep -v 'Loading\|shards' "$R/new.log" | tail -n 36 | cut -c 1-300
pack
cp -r data/base "$R/committed"
export OMP_NUM_THREADS=3
for seed in 1 2 3; do
  bases=$R/new; [ $seed = 1 ] && bases="$R/new $R/committed"
  CHANGES="finetune.seed=$seed" timeout $((all - SECONDS)) bash trial/finetune.sh trial/encoded "$R/ft$seed" $bases &
done
wait
echo "fine-tuning: done after $SECONDS s"; tail -n 3 "$R"/ft*/*.log | cut -c 1-300
pack; ls -la "$OUT"
