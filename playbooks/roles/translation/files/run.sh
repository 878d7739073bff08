#!/bin/sh
# run.sh DEVICE PREFIX POOL FOLDER: TAYGA, and the routes to its device. Both go when it ends.
device=$1 prefix=$2 pool=$3 folder=$4
mkdir -p "$folder/$device"
tayga --config "$folder/$device.conf" --nodetach --pidfile "$folder/$device.pid" &
tayga=$!
trap 'kill "$tayga"; wait "$tayga"; exit 0' TERM INT
until ip link show dev "$device" > /dev/null 2>&1; do
  kill -0 "$tayga" 2> /dev/null || { wait "$tayga"; exit $(($? + !$?)); }
  sleep 0.02
done
# Protocol 172: the role `addresses` keeps its hands off these routes, and routing daemons tell of them.
ip link set dev "$device" up &&
  ip route replace "$pool" dev "$device" proto 172 &&
  ip route replace "$prefix" dev "$device" proto 172 || { kill "$tayga"; exit 1; }
echo up > "$folder/$device.ready"
wait "$tayga"
