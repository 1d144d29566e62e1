"""What settings must agree with beside their types: each room of them by itself, `every_rule` all together."""
