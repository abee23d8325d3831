-- The example campaign counted by hand, in SQLite. Tables that the fixture fills:
--   hillstrom(row, recency, history, mens, womens, zip_code, newbie, channel)   the experiment's file, row by row
--   person(row, customer_id, email, subscribed, loyalty_points)                 the generated columns of audience.parquet
--   suppression(email)                                                          suppression.csv

CREATE VIEW selected AS
SELECT h.*, p.customer_id, p.email, p.subscribed, p.loyalty_points,
       CASE WHEN h.history >= 500 THEN 'gold' WHEN h.history >= 200 THEN 'silver' ELSE 'bronze' END AS tier
FROM hillstrom h JOIN person p ON p.row = h.row
WHERE h.recency <= 12 AND (h.mens = 1 OR h.womens = 1);

CREATE TABLE judged AS
SELECT s.*,
       CASE
         WHEN email IS NULL OR trim(email) = '' THEN 'missing_address'
         WHEN length(email) - length(replace(email, '@', '')) <> 1
           OR email LIKE '@%' OR email LIKE '%@' OR email LIKE '%.'
           OR instr(email, ' ') > 0 OR instr(email, ',') > 0 OR instr(email, '..') > 0 THEN 'invalid_address'
         WHEN row_number() OVER (PARTITION BY lower(email) ORDER BY row) > 1
           OR row_number() OVER (PARTITION BY customer_id ORDER BY row) > 1 THEN 'duplicate'
         WHEN lower(email) IN (SELECT lower(email) FROM suppression) THEN 'suppressed'
         WHEN subscribed IS NOT 1 THEN 'not_subscribed'
         ELSE 'reachable'  -- eligible or held out: which of the two, a keyed hash decides
       END AS verdict,
       CASE
         WHEN tier = 'bronze' AND recency >= 12 THEN 'end'
         WHEN mens = 1 THEN 'send_menswear'
         WHEN womens = 1 THEN 'send_womenswear'
         ELSE 'end'
       END AS line
FROM selected s;

CREATE VIEW segmented AS
SELECT row, verdict, 'loyal' AS segment FROM judged WHERE newbie = 0 AND recency <= 6 AND history >= 200
UNION ALL SELECT row, verdict, 'lapsed' FROM judged WHERE recency >= 9
UNION ALL SELECT row, verdict, 'high_value' FROM judged WHERE history >= 500
UNION ALL SELECT row, verdict, 'phone_shoppers' FROM judged WHERE channel IN ('Phone', 'Multichannel')
UNION ALL SELECT row, verdict, 'rural_members' FROM judged WHERE zip_code = 'Rural' AND loyalty_points IS NOT NULL
UNION ALL SELECT row, verdict, 'points_rich' FROM judged WHERE loyalty_points >= 1000;
