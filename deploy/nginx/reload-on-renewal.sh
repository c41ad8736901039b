#!/bin/sh
# Started beside nginx (/docker-entrypoint.d): a new certificate makes it read its configuration again. Workers of before
# finish their connections, so nobody is cut off; a configuration that does not hold is not taken.
set -eu
file="${LATCH_CERTIFICATES:?}/current.pem"
nginx="${LATCH_NGINX:-nginx}"

mark() {
  cksum "$file" 2>/dev/null || echo none
}

watch() {
  seen=$(mark)
  while sleep "${LATCH_RELOAD_EVERY:-10}"; do
    now=$(mark)
    [ "$now" != "$seen" ] || continue
    # shellcheck disable=SC2086 # words of a command
    if $nginx -t -q && $nginx -s reload; then
      seen=$now
      echo "nginx: a new certificate is in use"
    fi
  done
}

watch &
