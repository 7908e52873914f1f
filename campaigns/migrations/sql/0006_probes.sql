-- As before, in index probes only, planned once a connection.

-- A batch of taps on one deal, in the order they came. Nothing else ever grants a unit.
-- The SETs and the LIMITs allow one kind of plan, an index probe for each tap: whatever the statistics say, the time grows with the
-- batch alone. Without them an empty table's statistics made one burst quadratic.
CREATE OR REPLACE FUNCTION campaigns_claim_batch(d bigint, users bigint[], tap_keys uuid[], phones bytea[], devices bytea[], publics text[], unseen bigint)
RETURNS TABLE (tap int, code text, claim text, place bigint, expires timestamptz, facts jsonb)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  dl campaigns_deal%ROWTYPE;
  moment timestamptz;
  day_start timestamptz;
  here text;
  anchor bigint;
  owner bigint;
  is_room_banned boolean;
  has_bans boolean;
  ids regclass := pg_get_serial_sequence('campaigns_claim', 'id');
  kept int := 0;
  hold_until timestamptz;
  shut text;
BEGIN
  SELECT * INTO dl FROM campaigns_deal WHERE id = d FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT o::int, 'NOT_FOUND', NULL::text, NULL::bigint, NULL::timestamptz, '{}'::jsonb FROM generate_series(1, cardinality(users)) o;
    RETURN;
  END IF;
  moment := clock_timestamp();  -- after the lock was had: the time of judging
  hold_until := moment + make_interval(secs => dl.hold_s);
  day_start := date_trunc('day', moment AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai';
  SELECT 'room:' || r.public_id, r.anchor_id, s.owner_id, r.is_banned INTO here, anchor, owner, is_room_banned
    FROM rooms_room r, catalog_sku k JOIN catalog_product p ON p.id = k.product_id JOIN catalog_shop s ON s.id = p.shop_id
    WHERE r.id = dl.room_id AND k.id = dl.sku_id;
  shut := CASE
    WHEN dl.state IN (0, 4) THEN 'NOT_FOUND'
    WHEN dl.state = 3 OR dl.ends_at <= moment THEN 'ENDED'
    WHEN dl.state = 2 OR is_room_banned THEN 'FROZEN'
    WHEN dl.starts_at IS NULL OR dl.starts_at > moment THEN 'NOT_STARTED'
  END;
  SELECT EXISTS (SELECT 1 FROM accounts_sanction s WHERE s.lifted_at IS NULL AND s.kind = 'ban' AND s.scope IN ('platform', here)) INTO has_bans;
  IF shut IS NULL AND dl.available > 0 THEN
    -- Units kept for people of the waitlist whose turn it is.
    SELECT count(*) INTO kept FROM campaigns_waiting w WHERE w.deal_id = d AND w.offered_at > moment - interval '120 seconds';
    IF dl.per_day_limit > 0 THEN
      -- The daily limit counts over all deals: two deals must not count the same person at the same time.
      PERFORM 1 FROM accounts_user u WHERE u.id = ANY (users) ORDER BY u.id FOR NO KEY UPDATE;
    END IF;
  END IF;
  RETURN QUERY
  WITH tapped AS (
    SELECT t.u, t.k, t.p, t.dv, t.pub, t.o,
      own.id AS own_id, own.public_id AS own_public, own.key = t.k AS is_same_tap, own.place AS own_place, own.expires_at AS own_expires,
      dead.public_id AS dead_public, person.first_paid_at, person.phone_verified, person.is_staff, person.is_active,
      CASE WHEN has_bans THEN campaigns_banned(t.u, t.p, t.dv, here, moment) END AS ban,
      kept > 0 AND EXISTS (SELECT 1 FROM campaigns_waiting w WHERE w.deal_id = d AND w.user_id = t.u AND w.offered_at > moment - interval '120 seconds') AS is_offered
    FROM unnest(users, tap_keys, phones, devices, publics) WITH ORDINALITY AS t(u, k, p, dv, pub, o)
    LEFT JOIN LATERAL (SELECT x.* FROM accounts_user x WHERE x.id = t.u LIMIT 1) person ON true
    LEFT JOIN LATERAL (SELECT c.* FROM campaigns_claim c WHERE c.deal_id = d AND c.user_id = t.u AND c.state IN (1, 2, 3) LIMIT 1) own ON true
    LEFT JOIN LATERAL (SELECT c.public_id FROM campaigns_claim c
      WHERE c.deal_id = d AND c.user_id = t.u AND c.key = t.k AND c.state IN (4, 5) AND own.id IS NULL LIMIT 1) dead ON true
  ), weighed AS (
    SELECT w.*, CASE
      WHEN w.own_id IS NOT NULL AND w.is_same_tap THEN 'WON'
      WHEN w.own_id IS NOT NULL THEN 'ALREADY_CLAIMED'
      WHEN w.dead_public IS NOT NULL THEN 'HOLD_EXPIRED'
      WHEN shut IS NOT NULL THEN shut
      WHEN w.is_active IS NOT TRUE THEN 'LOGIN_REQUIRED'
      WHEN w.ban IS NOT NULL THEN 'BANNED'
      WHEN w.u = anchor OR w.u = owner OR w.is_staff THEN 'FORBIDDEN'
      WHEN dl.kind = 2 AND (w.first_paid_at IS NOT NULL OR NOT w.phone_verified OR EXISTS (
        SELECT 1 FROM accounts_identitykey mine
          JOIN accounts_identitykey other ON other.kind = mine.kind AND other.digest = mine.digest AND other.user_id <> mine.user_id
          JOIN accounts_user buyer ON buyer.id = other.user_id AND buyer.first_paid_at IS NOT NULL
        WHERE mine.user_id = w.u AND mine.kind IN ('phone', 'payer'))) THEN 'NOT_NEWCOMER'
      WHEN w.p IS NOT NULL AND EXISTS (SELECT 1 FROM campaigns_claimkey ck WHERE ck.deal_id = d AND ck.kind = 'phone' AND ck.digest = w.p) THEN 'SAME_PERSON'
      WHEN dl.kind = 2 AND EXISTS (SELECT 1 FROM accounts_identitykey mine
          JOIN campaigns_claimkey ck ON ck.deal_id = d AND ck.kind = mine.kind AND ck.digest = mine.digest
        WHERE mine.user_id = w.u AND mine.kind IN ('phone', 'payer')) THEN 'SAME_PERSON'
      WHEN dl.available > 0 AND dl.per_day_limit > 0 AND dl.per_day_limit <= (SELECT count(*) FROM campaigns_claim c
        WHERE c.user_id = w.u AND c.claimed_at >= day_start AND c.state IN (1, 2, 3)) THEN 'LIMIT_PER_USER'
      ELSE 'FREE' END AS verdict
    FROM tapped w
  ), ranked AS (
    SELECT r.*, r.verdict = 'FREE' AND (r.nth_of_person > 1 OR r.nth_of_phone > 1) AS is_double FROM (
      SELECT w.*, row_number() OVER (PARTITION BY w.verdict, w.u ORDER BY w.o) AS nth_of_person,
        CASE WHEN w.p IS NULL THEN 1 ELSE row_number() OVER (PARTITION BY w.verdict, w.p ORDER BY w.o) END AS nth_of_phone
      FROM weighed w) r
  ), placed AS (
    SELECT n.*, n.verdict = 'FREE' AND NOT n.is_double
      AND n.nth <= CASE WHEN n.is_offered THEN dl.available ELSE greatest(dl.available - kept, 0) END AS is_winner
    FROM (SELECT r.*, row_number() OVER (PARTITION BY r.verdict, r.is_double, r.is_offered ORDER BY r.o) AS nth FROM ranked r) n
  ), winners AS (
    SELECT p.*, nextval(ids) AS claim_id FROM placed p WHERE p.is_winner
  ), made AS (
    INSERT INTO campaigns_claim (id, public_id, deal_id, user_id, key, place, state, claimed_at, expires_at)
    SELECT w.claim_id, w.pub, d, w.u, w.k, dl.attempts + unseen + w.o, 1, moment, hold_until FROM winners w ORDER BY w.o
    RETURNING 1
  ), keyed AS (
    INSERT INTO campaigns_claimkey (deal_id, kind, digest, claim_id)
    SELECT d, 'phone', w.p, w.claim_id FROM winners w WHERE w.p IS NOT NULL
    UNION SELECT d, mine.kind, mine.digest, w.claim_id FROM winners w JOIN accounts_identitykey mine ON mine.user_id = w.u
      WHERE dl.kind = 2 AND mine.kind IN ('phone', 'payer')
    ON CONFLICT DO NOTHING
  ), served AS (
    DELETE FROM campaigns_waiting wt USING winners w WHERE kept > 0 AND wt.deal_id = d AND wt.user_id = w.u
  ), counted AS (
    UPDATE campaigns_deal SET
      available = available - (SELECT count(*) FROM made), held = held + (SELECT count(*) FROM made),
      attempts = attempts + unseen + CASE WHEN shut IS NULL THEN cardinality(users) ELSE 0 END,
      sold_out_at = CASE WHEN available > 0 AND available = (SELECT count(*) FROM made) THEN moment ELSE sold_out_at END
    WHERE id = d
  )
  SELECT p.o::int,
    CASE WHEN p.is_winner THEN 'WON' WHEN p.verdict = 'FREE' AND p.is_double THEN 'SAME_PERSON'
         WHEN p.verdict = 'FREE' THEN 'SOLD_OUT' ELSE p.verdict END,
    CASE WHEN p.is_winner THEN p.pub ELSE coalesce(p.own_public, p.dead_public)::text END,
    coalesce(p.own_place, CASE WHEN shut IS NULL THEN dl.attempts + unseen + p.o END),
    CASE WHEN p.is_winner THEN hold_until ELSE p.own_expires END,
    CASE
      WHEN p.is_winner THEN jsonb_build_object('is_last', dl.available - (SELECT count(*) FROM made) = 0)
      WHEN p.verdict = 'FREE' THEN jsonb_build_object('total', dl.total, 'late_s', round(extract(epoch FROM moment - coalesce(dl.sold_out_at, moment))::numeric, 2))
      WHEN p.verdict = 'NOT_STARTED' AND dl.starts_at IS NOT NULL THEN jsonb_build_object('early_s', round(extract(epoch FROM dl.starts_at - moment)::numeric, 1))
      WHEN p.verdict = 'NOT_NEWCOMER' THEN jsonb_build_object('paid_at', p.first_paid_at, 'is_unverified', NOT p.phone_verified)
      WHEN p.verdict = 'LIMIT_PER_USER' THEN jsonb_build_object('limit', dl.per_day_limit)
      WHEN p.verdict = 'FROZEN' THEN jsonb_build_object('why', dl.freeze_reason)
      WHEN p.verdict = 'FORBIDDEN' THEN jsonb_build_object('role', CASE WHEN p.u = anchor THEN 'anchor' WHEN p.u = owner THEN 'merchant' ELSE 'operator' END)
      WHEN p.verdict = 'BANNED' THEN p.ban
      ELSE '{}'::jsonb END
  FROM placed p ORDER BY p.o;
END $$;

-- A batch of people taking one coupon: issued never passes total, nobody gets more than per_person.
CREATE OR REPLACE FUNCTION campaigns_coupon_batch(d bigint, users bigint[], tap_keys uuid[], phones bytea[], devices bytea[], publics text[], unseen bigint)
RETURNS TABLE (tap int, code text, claim text, place bigint, expires timestamptz, facts jsonb)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  cp campaigns_coupon%ROWTYPE;
  moment timestamptz;
  valid_to timestamptz;
  here text;
  has_bans boolean;
  shut text;
BEGIN
  SELECT * INTO cp FROM campaigns_coupon WHERE id = d FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT o::int, 'NOT_FOUND', NULL::text, NULL::bigint, NULL::timestamptz, '{}'::jsonb FROM generate_series(1, cardinality(users)) o;
    RETURN;
  END IF;
  moment := clock_timestamp();
  valid_to := least(cp.valid_until, moment + make_interval(days => cp.valid_days));
  SELECT 'room:' || r.public_id INTO here FROM rooms_room r WHERE r.id = cp.room_id;
  shut := CASE
    WHEN cp.state = 0 THEN 'NOT_FOUND'
    WHEN cp.state = 2 OR cp.ends_at <= moment OR valid_to <= moment THEN 'ENDED'
    WHEN cp.starts_at > moment THEN 'NOT_STARTED'
  END;
  SELECT EXISTS (SELECT 1 FROM accounts_sanction s WHERE s.lifted_at IS NULL AND s.kind = 'ban' AND s.scope IN ('platform', here)) INTO has_bans;
  RETURN QUERY
  WITH tapped AS (
    SELECT t.u, t.k, t.pub, t.o, person.is_active, person.is_staff, same.public_id AS own_public, same.nth AS own_nth, same.expires_at AS own_expires,
      (SELECT count(*) FROM campaigns_coupongrant g WHERE g.coupon_id = d AND g.user_id = t.u) AS had,
      CASE WHEN has_bans THEN campaigns_banned(t.u, t.p, t.dv, here, moment) END AS ban,
      (SELECT f.at FROM rooms_follow f WHERE f.room_id = cp.room_id AND f.user_id = t.u) AS followed_at
    FROM unnest(users, tap_keys, phones, devices, publics) WITH ORDINALITY AS t(u, k, p, dv, pub, o)
    LEFT JOIN LATERAL (SELECT x.* FROM accounts_user x WHERE x.id = t.u LIMIT 1) person ON true
    LEFT JOIN LATERAL (SELECT g.* FROM campaigns_coupongrant g WHERE g.coupon_id = d AND g.user_id = t.u AND g.key = t.k LIMIT 1) same ON true
  ), weighed AS (
    SELECT w.*, CASE
      WHEN w.own_public IS NOT NULL THEN 'WON'
      WHEN shut IS NOT NULL THEN shut
      WHEN w.is_active IS NOT TRUE THEN 'LOGIN_REQUIRED'
      WHEN w.ban IS NOT NULL THEN 'BANNED'
      WHEN w.is_staff THEN 'FORBIDDEN'
      WHEN w.had >= cp.per_person THEN CASE WHEN cp.per_person = 1 THEN 'ALREADY_CLAIMED' ELSE 'LIMIT_PER_USER' END
      WHEN cp.audience IN (10, 11) AND w.followed_at IS NULL THEN 'FOLLOW_REQUIRED'
      WHEN cp.audience = 10 AND w.followed_at < moment - make_interval(secs => cp.follow_within_s) THEN 'NOT_ELIGIBLE'
      ELSE 'FREE' END AS verdict
    FROM tapped w
  ), placed AS (
    SELECT n.*, n.verdict = 'FREE' AND n.nth_of_person = 1 AND n.nth <= cp.total - cp.issued AS is_winner FROM (
      SELECT r.*, row_number() OVER (PARTITION BY r.verdict, r.nth_of_person > 1 ORDER BY r.o) AS nth FROM (
        SELECT w.*, row_number() OVER (PARTITION BY w.verdict, w.u ORDER BY w.o) AS nth_of_person FROM weighed w) r) n
  ), made AS (
    INSERT INTO campaigns_coupongrant (public_id, coupon_id, user_id, nth, key, state, order_ref, granted_at, expires_at)
    SELECT w.pub, d, w.u, w.had + 1, w.k, 1, '', moment, valid_to FROM placed w WHERE w.is_winner ORDER BY w.o
    RETURNING 1
  ), counted AS (
    UPDATE campaigns_coupon SET issued = issued + (SELECT count(*) FROM made) WHERE id = d
  )
  SELECT p.o::int,
    CASE WHEN p.is_winner THEN 'WON' WHEN p.verdict = 'FREE' AND p.nth_of_person > 1 THEN 'RATE_LIMITED'
         WHEN p.verdict = 'FREE' THEN 'SOLD_OUT' ELSE p.verdict END,
    CASE WHEN p.is_winner THEN p.pub ELSE p.own_public::text END, (cp.issued + p.o)::bigint, CASE WHEN p.is_winner THEN valid_to ELSE p.own_expires END,
    CASE
      WHEN p.is_winner THEN jsonb_build_object('is_last', cp.issued + (SELECT count(*) FROM made) = cp.total)
      WHEN p.verdict = 'FREE' THEN jsonb_build_object('total', cp.total)
      WHEN p.verdict = 'NOT_STARTED' THEN jsonb_build_object('early_s', round(extract(epoch FROM cp.starts_at - moment)::numeric, 1))
      WHEN p.verdict IN ('LIMIT_PER_USER', 'ALREADY_CLAIMED') THEN jsonb_build_object('limit', cp.per_person)
      WHEN p.verdict = 'NOT_ELIGIBLE' THEN jsonb_build_object('within_s', cp.follow_within_s)
      WHEN p.verdict = 'BANNED' THEN p.ban
      WHEN p.verdict = 'FORBIDDEN' THEN '{"role": "operator"}'::jsonb
      ELSE '{}'::jsonb END
  FROM placed p ORDER BY p.o;
END $$;
