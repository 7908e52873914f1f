-- Leases: blocks of a large deal's units, each handed to one holder who judges from it without the deal's lock.

-- Leased units that nobody won come back to their deal, whose row the caller has locked. Waits for the batches that judge from these leases.
-- `keeper`: only this holder's lease; `before`: only leases that ran out before then; NULL: all.
CREATE FUNCTION campaigns_recall_leases(d bigint, keeper text, before timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  units int;
  extra bigint;
BEGIN
  WITH gone AS (
    DELETE FROM campaigns_lease l WHERE l.deal_id = d AND (keeper IS NULL OR l.holder = keeper) AND (before IS NULL OR l.expires_at <= before)
    RETURNING l.granted - l.taken AS free, l.judged
  ) SELECT sum(g.free), sum(g.judged) INTO units, extra FROM gone g;
  IF units IS NULL THEN
    RETURN 0;
  END IF;
  IF EXISTS (SELECT 1 FROM campaigns_deal WHERE id = d AND state IN (3, 4)) THEN
    -- It was ended by somebody who knew nothing of leases, a server of the version before: what is free belongs to the goods again.
    UPDATE catalog_sku SET stock_held = stock_held - units, stock_available = stock_available + units
      WHERE id = (SELECT sku_id FROM campaigns_deal WHERE id = d);
    UPDATE campaigns_deal SET held = held - units, total = total - units WHERE id = d;
    RETURN units;
  END IF;
  -- Places that were set aside for free units are not given again; taps without a unit count against them first.
  UPDATE campaigns_deal SET available = available + units, held = held - units, attempts = attempts + greatest(0, extra - units) WHERE id = d;
  RETURN units;
END $$;

-- A batch of taps on one deal, in the order they came. Nothing else ever grants a unit.
-- A `holder` with a lease that is large enough judges from it and leaves the deal's row alone, so that several judge at once.
-- Everybody else locks the deal, takes back the leases that the batch may need, and may be lent an eighth of what is left.
-- No holder: all leases come back first, and nobody else can judge meanwhile.
-- The SETs and the LIMITs allow one kind of plan, an index probe for each tap: whatever the statistics say, the time grows with the
-- batch alone. Without them an empty table's statistics made one burst quadratic.
CREATE FUNCTION campaigns_claim_batch(d bigint, users bigint[], tap_keys uuid[], phones bytea[], devices bytea[], publics text[], unseen bigint,
  lessee text, least_lease int)
RETURNS TABLE (tap int, code text, claim text, place bigint, expires timestamptz, facts jsonb)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  dl campaigns_deal%ROWTYPE;
  ls campaigns_lease%ROWTYPE;
  is_leased boolean := false;
  is_shared boolean;
  stock int;
  share int;
  lease_until interval := '3 seconds';
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
  IF lessee <> '' THEN
    -- Freezing and ending take leases back under the deal's lock, so a lease that is there says that the deal is open.
    SELECT * INTO ls FROM campaigns_lease l WHERE l.deal_id = d AND l.holder = lessee AND l.granted - l.taken >= cardinality(users) FOR UPDATE;
    is_leased := FOUND;
  END IF;
  IF is_leased THEN
    SELECT * INTO dl FROM campaigns_deal WHERE id = d;
    stock := cardinality(users);
    is_shared := true;
  ELSE
    SELECT * INTO dl FROM campaigns_deal WHERE id = d FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      RETURN QUERY SELECT o::int, 'NOT_FOUND', NULL::text, NULL::bigint, NULL::timestamptz, '{}'::jsonb FROM generate_series(1, cardinality(users)) o;
      RETURN;
    END IF;
    -- Units kept for people of the waitlist whose turn it is. They are of the deal's own, never lent.
    SELECT count(*) INTO kept FROM campaigns_waiting w WHERE w.deal_id = d AND w.offered_at > clock_timestamp() - interval '120 seconds';
    is_shared := EXISTS (SELECT 1 FROM campaigns_lease l WHERE l.deal_id = d);
    IF is_shared THEN
      -- "Sold out" is said by the deal's row alone: whoever might empty it takes all leases back first.
      PERFORM campaigns_recall_leases(d, CASE WHEN lessee = '' OR dl.available - kept <= cardinality(users) THEN NULL ELSE lessee END, NULL);
      SELECT * INTO dl FROM campaigns_deal WHERE id = d;
      is_shared := EXISTS (SELECT 1 FROM campaigns_lease l WHERE l.deal_id = d);
    END IF;
    stock := dl.available;
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
  IF shut IS NULL AND stock > 0 AND dl.per_day_limit > 0 THEN
    -- The daily limit counts over all deals: two deals must not count the same person at the same time.
    PERFORM 1 FROM accounts_user u WHERE u.id = ANY (users) ORDER BY u.id FOR NO KEY UPDATE;
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
      WHEN stock > 0 AND dl.per_day_limit > 0 AND dl.per_day_limit <= (SELECT count(*) FROM campaigns_claim c
        WHERE c.user_id = w.u AND c.claimed_at >= day_start AND c.state IN (1, 2, 3)) THEN 'LIMIT_PER_USER'
      ELSE 'FREE' END AS verdict
    FROM tapped w
  ), ranked AS (
    SELECT r.*, r.verdict = 'FREE' AND (r.nth_of_person > 1 OR r.nth_of_phone > 1) AS is_double FROM (
      SELECT w.*, row_number() OVER (PARTITION BY w.verdict, w.u ORDER BY w.o) AS nth_of_person,
        CASE WHEN w.p IS NULL THEN 1 ELSE row_number() OVER (PARTITION BY w.verdict, w.p ORDER BY w.o) END AS nth_of_phone
      FROM weighed w) r
  ), placed AS (
    SELECT m.*, CASE WHEN is_leased AND m.is_winner THEN ls.first_place + ls.taken + row_number() OVER (PARTITION BY m.is_winner ORDER BY m.o) - 1
                     WHEN shut IS NULL AND NOT is_leased THEN dl.attempts + unseen + m.o END AS given_place FROM (
      SELECT n.*, n.verdict = 'FREE' AND NOT n.is_double
        AND n.nth <= CASE WHEN n.is_offered THEN stock ELSE greatest(stock - kept, 0) END AS is_winner
      FROM (SELECT r.*, row_number() OVER (PARTITION BY r.verdict, r.is_double, r.is_offered ORDER BY r.o) AS nth FROM ranked r) n) m
  ), winners AS (
    SELECT p.*, nextval(ids) AS claim_id FROM placed p WHERE p.is_winner
  ), made AS (
    INSERT INTO campaigns_claim (id, public_id, deal_id, user_id, key, place, state, claimed_at, expires_at)
    SELECT w.claim_id, w.pub, d, w.u, w.k, w.given_place, 1, moment, hold_until FROM winners w ORDER BY w.u  -- one order everywhere: no deadlock
    RETURNING 1
  ), digests AS (
    SELECT 'phone' AS kind, w.p AS digest, w.claim_id FROM winners w WHERE w.p IS NOT NULL
    UNION SELECT mine.kind, mine.digest, w.claim_id FROM winners w JOIN accounts_identitykey mine ON mine.user_id = w.u
      WHERE dl.kind = 2 AND mine.kind IN ('phone', 'payer')
  ), keyed AS (
    INSERT INTO campaigns_claimkey (deal_id, kind, digest, claim_id)
    SELECT d, g.kind, g.digest, g.claim_id FROM digests g WHERE NOT is_shared
    ON CONFLICT DO NOTHING
  ), keyed_beside_others AS (
    -- Another holder may have given this person a unit a moment ago: the whole batch fails and is judged again, alone.
    INSERT INTO campaigns_claimkey (deal_id, kind, digest, claim_id)
    SELECT d, g.kind, g.digest, g.claim_id FROM digests g WHERE is_shared ORDER BY g.kind, g.digest
  ), served AS (
    DELETE FROM campaigns_waiting wt USING winners w WHERE kept > 0 AND wt.deal_id = d AND wt.user_id = w.u
  ), counted AS (
    UPDATE campaigns_deal SET
      available = available - (SELECT count(*) FROM made), held = held + (SELECT count(*) FROM made),
      attempts = attempts + unseen + CASE WHEN shut IS NULL THEN cardinality(users) ELSE 0 END,
      sold_out_at = CASE WHEN available > 0 AND available = (SELECT count(*) FROM made) THEN moment ELSE sold_out_at END
    WHERE id = d AND NOT is_leased
  ), spent AS (
    UPDATE campaigns_lease SET taken = taken + (SELECT count(*) FROM made), judged = judged + unseen + cardinality(users) - (SELECT count(*) FROM made),
      expires_at = moment + lease_until
    WHERE id = ls.id AND is_leased
  )
  SELECT p.o::int,
    CASE WHEN p.is_winner THEN 'WON' WHEN p.verdict = 'FREE' AND p.is_double THEN 'SAME_PERSON'
         WHEN p.verdict = 'FREE' THEN 'SOLD_OUT' ELSE p.verdict END,
    CASE WHEN p.is_winner THEN p.pub ELSE coalesce(p.own_public, p.dead_public)::text END,
    coalesce(p.own_place, p.given_place),
    CASE WHEN p.is_winner THEN hold_until ELSE p.own_expires END,
    CASE
      WHEN p.is_winner THEN jsonb_build_object('is_last', NOT is_leased AND stock - (SELECT count(*) FROM made) = 0)
      WHEN p.verdict = 'FREE' THEN jsonb_build_object('total', dl.total, 'late_s', round(extract(epoch FROM moment - coalesce(dl.sold_out_at, moment))::numeric, 2))
      WHEN p.verdict = 'NOT_STARTED' AND dl.starts_at IS NOT NULL THEN jsonb_build_object('early_s', round(extract(epoch FROM dl.starts_at - moment)::numeric, 1))
      WHEN p.verdict = 'NOT_NEWCOMER' THEN jsonb_build_object('paid_at', p.first_paid_at, 'is_unverified', NOT p.phone_verified)
      WHEN p.verdict = 'LIMIT_PER_USER' THEN jsonb_build_object('limit', dl.per_day_limit)
      WHEN p.verdict = 'FROZEN' THEN jsonb_build_object('why', dl.freeze_reason)
      WHEN p.verdict = 'FORBIDDEN' THEN jsonb_build_object('role', CASE WHEN p.u = anchor THEN 'anchor' WHEN p.u = owner THEN 'merchant' ELSE 'operator' END)
      WHEN p.verdict = 'BANNED' THEN p.ban
      ELSE '{}'::jsonb END
  FROM placed p ORDER BY p.o;
  IF is_leased OR lessee = '' OR shut IS NOT NULL OR kept > 0 THEN
    RETURN;
  END IF;
  SELECT * INTO dl FROM campaigns_deal WHERE id = d;
  share := dl.available / 8;
  IF share >= least_lease AND NOT EXISTS (SELECT 1 FROM campaigns_waiting w WHERE w.deal_id = d) THEN
    INSERT INTO campaigns_lease (deal_id, holder, granted, taken, judged, first_place, expires_at)
    VALUES (d, lessee, share, 0, 0, dl.attempts + 1, moment + lease_until);
    UPDATE campaigns_deal SET available = available - share, held = held + share, attempts = attempts + share WHERE id = d;
  END IF;
END $$;

-- For servers of the version before, while they are replaced one by one.
CREATE OR REPLACE FUNCTION campaigns_claim_batch(d bigint, users bigint[], tap_keys uuid[], phones bytea[], devices bytea[], publics text[], unseen bigint)
RETURNS TABLE (tap int, code text, claim text, place bigint, expires timestamptz, facts jsonb) LANGUAGE sql AS $$
  SELECT * FROM campaigns_claim_batch(d, users, tap_keys, phones, devices, publics, unseen, '', 0);
$$;
