# An app in PHP: its own members and sessions in MariaDB, served by PHP's own server. `set-up` makes Mona's account.
if [ "$1" = set-up ]; then
    exec "$PHP" set-up.php
fi
exec "$PHP" -S "127.0.0.1:$PORT" -t public
