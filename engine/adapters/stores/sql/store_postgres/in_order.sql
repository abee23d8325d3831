-- Until the end of the transaction rows are found in the order of an index, and joined by another. The first ones come
-- at once, and neither memory nor disk grows with their number, as they would for a hash or a sort of all.
SELECT
    set_config('random_page_cost', '1.1', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true), set_config('enable_sort', 'off', true);
