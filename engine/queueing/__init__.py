"""What waits for work: five priorities with deadlines, admitted, scheduled, batched and balanced. Pure: clocks are passed in."""
