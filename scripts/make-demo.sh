#!/usr/bin/env bash
# Makes assets/demo.flv, the clip behind `weir serve --demo`: waves, a running clock, a soft tone.
#
# The clip is 10.24 s long because that is where both clocks meet: 256 pictures at 25 fps last
# exactly as long as 441 AAC frames of 1024 samples at 44.1 kHz. Looped by its own length, neither
# track ever steps unevenly. Every motion has a period that divides the clip, so the picture and the
# tone run on through the seam. The moon flashes with each beep: a look at lip sync.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/need.sh
source scripts/need.sh

out=assets/demo.flv
limit_bytes=$((450 * 1024))
loop_s=10.24

need_apt ffmpeg fonts-dejavu-core
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

sans=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
mono=/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf

# One wave layer: baseline, height, waves across the picture, trips per loop, phase, shade. It is
# drawn over what is there (ld(0)), with a soft edge and a bright crest that fades downwards.
wave() {
    local base=$1 height=$2 across=$3 trips=$4 phase=$5 shade=$6
    printf 'st(1,Y-(%s+%s*sin(2*PI*(%s*X/W-%s*T/%s)+%s)+%s*0.4*sin(2*PI*(%s*1.7*X/W+%s*T/%s))));' \
        "$base" "$height" "$across" "$trips" "$loop_s" "$phase" "$height" "$across" "$trips" "$loop_s"
    printf 'st(2,%s+54*exp(-max(ld(1),0)/5)-0.16*max(ld(1),0));' "$shade"
    printf 'st(0,ld(0)+(ld(2)-ld(0))*clip(ld(1)+0.5,0,1));'
}

# One grey value per pixel; the palette below turns it into colour. The moon comes before the waves.
sky='st(0,14+50*Y/H);'
beat='st(4,exp(-6*mod(T,1))*lt(T,10));'
moon="st(3,hypot(X-492,Y-(92+6*sin(2*PI*T/$loop_s))));"
moon+='st(0,ld(0)+(26+52*ld(4))*exp(-max(ld(3)-34,0)/(16+14*ld(4))));'
moon+='st(0,ld(0)+(196+48*ld(4)-ld(0))*clip(34.5-ld(3),0,1));'
water="$(wave 196 13 1.3 1 0 84)$(wave 232 15 1.1 -1 1.7 108)$(wave 272 14 1.6 2 3.1 134)$(wave 316 11 1.2 -1 4.4 92)"
grey="$beat$sky$moon${water}ld(0)"

palette="r='clip(6+0.16*val+0.0028*val*val,0,255)'"
palette+=":g='clip(16+0.86*val+0.0004*val*val,0,255)'"
palette+=":b='clip(44+1.18*val-0.0012*val*val,0,255)'"

# Ten beads, one lit for each whole second of the loop.
beads=''
for i in 0 1 2 3 4 5 6 7 8 9; do
    x=$((44 + i * 18))
    beads+=",drawbox=x=$x:y=164:w=10:h=4:color=white@0.22:t=fill"
    beads+=",drawbox=x=$x:y=164:w=10:h=4:color=0xbff4ff@0.95:t=fill:enable='gte(t,$i)'"
done

text="drawtext=fontfile=$sans:text=weir:fontsize=72:fontcolor=white:x=40:y=36"
text+=",drawtext=fontfile=$mono:text='%{pts\\:hms}':fontsize=26:fontcolor=0xdff6ff:x=27:y=126"
text+=",drawtext=fontfile=$mono:text='640x360  25 fps  frame %{eif\\:n\\:d\\:3}':fontsize=12:fontcolor=0xdff6ff@0.8:x=44:y=332"

ffmpeg -v error -y -f lavfi -i "color=c=black:s=640x360:r=25:d=$loop_s,format=gray,geq=lum='$grey'" \
    -vf "format=gbrp,lutrgb=$palette,$text$beads,format=yuv420p" \
    -frames:v 256 -c:v libx264 -preset veryslow -profile:v main -level 3.0 -bf 0 -refs 3 \
    -crf 25 -x264-params "scenecut=0:open-gop=0:keyint=250:colorprim=bt709:transfer=bt709:colormatrix=smpte170m" \
    -force_key_frames 'expr:lt(n,250)*not(mod(n,50))' -bsf:v 'filter_units=remove_types=6' \
    -fflags +bitexact -flags:v +bitexact "$tmp/video.mp4"

# The tone: a chord that breathes, whole numbers of turns in 10.24 s, and a beep a second. Three
# loops are encoded and the middle one is kept, so that the first AAC frame continues the last.
turns() { awk -v hz="$1" -v s="$loop_s" 'BEGIN { printf "%.9f", int(hz * s + 0.5) / s }'; }
t="mod(t\\,$loop_s)"
breath="(0.75+0.25*sin(2*PI*2*t/$loop_s))"
chord="0.050*sin(2*PI*$(turns 196)*t)+0.042*sin(2*PI*$(turns 246.9)*t)+0.038*sin(2*PI*$(turns 293.7)*t)"
beep="lt($t\\,10)*min(1\\,mod($t\\,1)*250)*exp(-14*mod($t\\,1))*0.20"
beep+="*sin(2*PI*if(lt($t\\,1)\\,1174.7\\,880)*mod($t\\,1))"
ffmpeg -v error -y -f lavfi -i "aevalsrc=exprs=$breath*($chord)+$beep|$breath*($chord)*0.96+$beep:s=44100:d=30.72" \
    -c:a aac -b:a 80k -fflags +bitexact -flags:a +bitexact "$tmp/audio.m4a"

ffmpeg -v error -y -i "$tmp/video.mp4" -ss "$loop_s" -t "$loop_s" -i "$tmp/audio.m4a" \
    -map 0:v -map 1:a -c copy -fflags +bitexact -metadata title='weir demo' \
    -metadata copyright='MIT OR Apache-2.0' -f flv "$tmp/demo.flv"

count() { ffprobe -v error -count_packets -select_streams "$1" -show_entries stream=nb_read_packets -of csv=p=0 "$tmp/demo.flv"; }
[ "$(count v:0)" = 256 ] || { echo "make-demo: $(count v:0) pictures, 256 wanted" >&2; exit 1; }
[ "$(count a:0)" = 441 ] || { echo "make-demo: $(count a:0) audio frames, 441 wanted" >&2; exit 1; }
size=$(stat -c %s "$tmp/demo.flv")
[ "$size" -le "$limit_bytes" ] || { echo "make-demo: $size bytes, at most $limit_bytes wanted" >&2; exit 1; }
mv "$tmp/demo.flv" "$out"
echo "make-demo: $out, $size bytes, 256 pictures, 441 audio frames, $loop_s s"
