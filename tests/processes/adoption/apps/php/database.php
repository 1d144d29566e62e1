<?php // The connection that DATABASE_URL names.

$address = parse_url(getenv('DATABASE_URL'));
parse_str($address['query'], $options);
$database = new PDO(
    "mysql:unix_socket={$options['unix_socket']};dbname=" . ltrim($address['path'], '/') . ';charset=utf8mb4',
    $address['user'],
    '',
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC],
);
