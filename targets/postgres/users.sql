-- 10,000 users, whose ids end in 100000000001 to 100000010000.
--
-- Everything comes from the number of the row through MD5, never from random() or the clock, so
-- every server has the same rows in every run. Times have whole seconds: languages differ in how
-- they write fractions.

INSERT INTO users (id, email, full_name, age, country_code, is_active, created_at)
SELECT
    ('00000000-0000-4000-8000-' || (100000000000 + n))::uuid,
    lower(first || '.' || last) || n || '@' || domain,
    first || ' ' || last,
    18 + h[3] % 73,
    country,
    h[5] % 10 > 0,
    timestamptz '2016-01-01 00:00:00+00' + h[6] * interval '1 second'
FROM generate_series(1, 10000) AS n
-- Seven numbers below 2^28, one for each choice that is made; so many seconds are 8.5 years.
CROSS JOIN LATERAL (
    SELECT array_agg(
        ('x' || substr(md5('user ' || n || ' choice ' || choice), 1, 7))::bit(28)::int
        ORDER BY choice
    )
    FROM generate_series(1, 7) AS choice
) AS hashed (h)
CROSS JOIN LATERAL (
    SELECT
        (ARRAY[
            'Ada', 'Bruno', 'Chioma', 'Dmitri', 'Elena', 'Farid', 'Greta', 'Hiroshi', 'Ingrid',
            'Jamal', 'Katarzyna', 'Lucas', 'Nadia', 'Oscar', 'Priya', 'Quentin', 'Rosa', 'Stefan',
            'Thandiwe', 'Umar', 'Valentina', 'Wei', 'Ximena', 'Yusuf', 'Zofia', 'Amara', 'Callum',
            'Fatima', 'Henrik', 'Leila'
        ])[1 + h[1] % 30],
        (ARRAY[
            'Abbott', 'Bensalem', 'Castellanos', 'Dubois', 'Eriksen', 'Ferreira', 'Gupta',
            'Haddad', 'Ivanov', 'Jensen', 'Kowalski', 'Lindqvist', 'Marchetti', 'Nakamura',
            'Okafor', 'Petrov', 'Quispe', 'Raghunathan', 'Silva', 'Tanaka', 'Ueda', 'Volkov',
            'Whitfield', 'Xu', 'Yilmaz', 'Zhou', 'Adeyemi', 'Bianchi', 'Novak', 'Schneider'
        ])[1 + h[2] % 30],
        (ARRAY[
            'AR', 'AU', 'BR', 'CA', 'CH', 'CN', 'CZ', 'DE', 'DK', 'ES', 'FI', 'FR', 'GB', 'IN',
            'IT', 'JP', 'KE', 'MX', 'NG', 'NL', 'NO', 'PE', 'PL', 'PT', 'SE', 'TR', 'US', 'ZA'
        ])[1 + h[4] % 28],
        (ARRAY['example.com', 'example.net', 'example.org'])[1 + h[7] % 3]
) AS chosen (first, last, country, domain);

ANALYZE users;
