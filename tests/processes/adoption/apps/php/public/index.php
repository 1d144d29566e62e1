<?php

require __DIR__ . '/../database.php';

switch ($_SERVER['REQUEST_METHOD'] . ' ' . $_SERVER['REQUEST_URI']) {
    case 'POST /login':
        $found = $database->prepare("SELECT * FROM members WHERE mail = ? AND status = 'active'");
        $found->execute([$_POST['email']]);
        $member = $found->fetch();
        if (!$member || !password_verify($_POST['password'], $member['pw'])) {
            http_response_code(401);
            break;
        }
        $sid = bin2hex(random_bytes(32));
        $database->prepare('INSERT INTO sessions VALUES (?, ?)')->execute([$sid, $member['id']]);
        setcookie('sid', $sid, ['httponly' => true, 'samesite' => 'Lax']);
        break;

    case 'GET /me':
        $found = $database->prepare('SELECT mail FROM members JOIN sessions ON member_id = members.id WHERE sid = ?');
        $found->execute([$_COOKIE['sid'] ?? '']);
        $member = $found->fetch();
        http_response_code($member ? 200 : 401);
        header('Content-Type: application/json');
        echo json_encode($member ? ['email' => $member['mail']] : ['error' => 'signed out']);
        break;
}
