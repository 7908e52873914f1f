-- A new follower is who follows for the first time: leaving and coming back makes nobody new. A banned room gives nothing out.

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
  is_room_banned boolean;
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
  SELECT 'room:' || r.public_id, r.is_banned INTO here, is_room_banned FROM rooms_room r WHERE r.id = cp.room_id;
  shut := CASE
    WHEN cp.state = 0 THEN 'NOT_FOUND'
    WHEN cp.state = 2 OR cp.ends_at <= moment OR valid_to <= moment THEN 'ENDED'
    WHEN is_room_banned THEN 'FROZEN'
    WHEN cp.starts_at > moment THEN 'NOT_STARTED'
  END;
  SELECT EXISTS (SELECT 1 FROM accounts_sanction s WHERE s.lifted_at IS NULL AND s.kind = 'ban' AND s.scope IN ('platform', here)) INTO has_bans;
  RETURN QUERY
  WITH tapped AS (
    SELECT t.u, t.k, t.pub, t.o, person.is_active, person.is_staff, same.public_id AS own_public, same.nth AS own_nth, same.expires_at AS own_expires,
      (SELECT count(*) FROM campaigns_coupongrant g WHERE g.coupon_id = d AND g.user_id = t.u) AS had,
      CASE WHEN has_bans THEN campaigns_banned(t.u, t.p, t.dv, here, moment) END AS ban,
      (SELECT f.at FROM rooms_follow f WHERE f.room_id = cp.room_id AND f.user_id = t.u) AS followed_at,
      CASE WHEN cp.audience = 10 THEN (SELECT h.at FROM rooms_followchange h
        WHERE h.room_id = cp.room_id AND h.user_id = t.u AND h.change = 1 ORDER BY h.at LIMIT 1) END AS first_followed_at
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
      WHEN cp.audience = 10 AND least(w.followed_at, w.first_followed_at) < moment - make_interval(secs => cp.follow_within_s) THEN 'NOT_ELIGIBLE'
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
      WHEN p.verdict = 'FROZEN' THEN '{"is_room_banned": true}'::jsonb
      WHEN p.verdict = 'BANNED' THEN p.ban
      WHEN p.verdict = 'FORBIDDEN' THEN '{"role": "operator"}'::jsonb
      ELSE '{}'::jsonb END
  FROM placed p ORDER BY p.o;
END $$;
