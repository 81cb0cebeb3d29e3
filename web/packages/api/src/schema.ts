//! Written by dev/client.mjs out of docs/ref/openapi.json: change the server, not this.

/** Accounts. */
export type AccountList = { items: (AccountView)[]; next?: string | null };

/** What changes; what is left out stays. */
export type AccountOrder = { reason?: string; role?: string; suspended?: boolean };

/** Where an account is signed in. */
export type AccountSessions = { items: (SessionView)[] };

/** An account, as its owner and staff see it. */
export type AccountView = { about: string; avatar: string; created_ms: number; display_name: string; email: string; email_verified: boolean; has_password: boolean; has_second_factor: boolean; id: string; language: string; name: string; role: string; state: string; state_reason: string };

/** What somebody with a right did. */
export type ActSeen = { action: string; actor?: string | null; address: string; after: unknown; at: string; before: unknown; id: string; name: string; object: string };

/** Some acts, newest first. */
export type ActsSeen = { items: (ActSeen)[]; next?: string | null };

/** A node over another protocol. */
export type Also = { protocol: string; url: string };

/** A key of a program. */
export type ApiKeyView = { created_ms: number; expires_ms?: number; id: string; label: string; scopes: (string)[]; used_address: string; used_ms?: number };

/** What anybody may know of an app. */
export type AppFacts = { app: string; encoders: (EncoderRule)[]; keyframe_ms: number; max_kbps?: number | null; play: string; publish: string };

/** What an app takes from now on. */
export type AppSet = (AppTermsShown) & ({ made: (MadeSecret)[] });

/** Apps. */
export type AppTermsList = { items: (AppTermsShown)[]; next?: string | null };

/** What an app takes. */
export type AppTermsShown = { app: string; changed_ms: number; created_ms: number; has_key_set: boolean; recording_hours?: number | null; retention_hours?: number | null; rules: Record<string, unknown> };

/** What an app shall take. */
export type AppWish = { recording_hours?: number | null; retention_hours?: number | null; rules: Record<string, unknown> };

/** What somebody said against a ban, and what became of it. */
export type Appeal = { account: string; answer: string; ban: string; id: string; name?: string | null; reason?: string | null; state: string; words: string };

/** How an appeal is decided. */
export type AppealDecision = { answer?: string; granted: boolean };

/** Appeals. */
export type AppealList = { items: (Appeal)[]; next?: string | null };

/** What is said against a ban. */
export type AppealWish = { ban: string; words: string };

/** The sound of a stream. */
export type Audio = { channels: number; codec: string; rfc6381: string; sample_rate: number };

/** Who or what may not, and why. */
export type Ban = { appeal?: Appeal; channel?: string | null; created_ms: number; expires_ms?: number | null; id: string; kind: string; lifted_ms?: number | null; name?: string | null; reason: string; stops: string; subject: string };

/** Bans. */
export type BanList = { items: (Ban)[]; next?: string | null };

/** A ban to be made. */
export type BanWish = { account?: string; expires_ms?: number; network?: string; reason: string; stops?: string; stream?: string };

/** One publish, from its beginning to its end. */
export type BroadcastSeen = { address: string; app: string; bytes_in: number; bytes_out: number; cause?: number | null; cause_name?: string | null; ended_at?: string | null; heartbeat_ms: number; id: string; node: string; protocol: string; started_at: string; stream: string; viewers_max: number };

/** A broadcast to be announced. */
export type BroadcastWish = { description?: string; ends_ms?: number; starts_ms: number; title: string };

/** Some broadcasts, newest first. */
export type BroadcastsSeen = { items: (BroadcastSeen)[]; next?: string | null };

/** Categories. */
export type CategoryList = { items: (CategoryShown)[] };

/** What channels may be about. */
export type CategoryShown = { name: string; place: number; title: string; title_zh: string };

/** What a category is called. */
export type CategoryWish = { place?: number; title: string; title_zh?: string };

/** A ban to be made. */
export type ChannelBanWish = { account?: string; expires_ms?: number; network?: string; reason: string };

/** What is to be changed of a channel; what is left out stays. */
export type ChannelChange = { category?: string; description?: string; language?: string; password?: string; record?: string; shot_every_s?: number; title?: string; visibility?: string };

/** Channels. */
export type ChannelList = { items: (ListedChannel)[]; next?: string | null };

/** What is to come on a channel. */
export type ChannelSchedule = { items: (ComingBroadcast)[] };

/** A place to broadcast at, as it is told. */
export type ChannelShown = { category: string; cover: string; created_ms: number; description: string; followers: number; id: string; language: string; live: boolean; name: string; owner: string; record: string; shot_every_s: number; stream: string; title: string; visibility: string };

/** A channel to be made. */
export type ChannelWish = { name: string; owner?: string; title?: string };

/** A token for chat. */
export type ChatTokenView = { expires_ms: number; token: string };

/** What is left of a claim. */
export type ClaimKept = { good_for_ms: number; items: (string)[] };

/** Items that are one reviewer's for a while. */
export type ClaimSeen = { claim: string; good_for_ms: number; items: (ReviewItem)[] };

/** How many are wanted. */
export type ClaimWish = { count: number };

/** A publisher or a viewer. */
export type ClientDetail = { address: string; bytes: number; id: string; identity?: KnownAs; is_node: boolean; lost_frames: number; protocol: string; role: string; skips: number; stream: string; uptime_ms: number };

/** Publishers and viewers. */
export type Clients = { clients: (ClientDetail)[]; next?: string; total: number };

/** What of a recording a clip is. */
export type ClipPlace = { from_ms: number; recording: string; to_ms: number };

/** A clip as it is told of. */
export type ClipSeen = { created_at: string; file_url: string; from_ms: number; id: string; recording: string; title: string; to_ms: number; url: string };

/** Clips, the newest first. */
export type ClipsSeen = { items: (ClipSeen)[] };

/** A row of the same gifts by the same giver. */
export type ComboShown = { count: number; id: string };

/** A broadcast that is to come. */
export type ComingBroadcast = { description: string; ends_ms?: number | null; id: string; starts_ms: number; title: string };

/** What became of one. */
export type DecisionSeen = { ban?: string | null; item: string; second_look: boolean };

/** What becomes of some items. */
export type DecisionWish = { claim: string; hours?: number | null; items: (string)[]; reason?: string; verdict: string };

/** What became of them. */
export type DecisionsSeen = { decided: (DecisionSeen)[]; lost: (string)[]; undo_ms: number };

/** Some deliveries, newest first. */
export type DeliveriesSeen = { items: (DeliverySeen)[]; next?: string | null };

/** What a receiver was told, and how it went. */
export type DeliverySeen = { event: unknown; id: string; next_at?: string | null; state: string; status?: number | null; stream: string; tries: number; type: string; words: string };

/** Where a browser goes. */
export type DepartureView = { url: string };

/** By whom somebody wants to sign in. */
export type DepartureWish = { provider: string };

/** The body of `POST /api/v1/dispatch/{purpose}`. */
export type DispatchRequest = { app?: string; count?: number | null; except?: (string)[]; ip?: string | null; isp?: string | null; protocols?: (string)[]; query?: string; region?: string | null; stream?: string; tls?: boolean | null; vhost?: string };

/** Who asks, as far as it says; a person need say nothing. */
export type DrainOrder = { boot?: number | null; by?: string | null; order?: string | null };

/** How far a drain is. */
export type DrainProgress = { by?: string; draining: boolean; empty: boolean; publishers: number; viewers: number };

/** A stretch of time that viewers can go back to, by `?from=`, `?shift=` or `?window=` on the stream's `.m3u8`. */
export type Dvr = { from_ms: number; recording: string; to_ms: number };

/** What a channel has of a stretch of time. */
export type EarnedShown = { earned: number; given: number; givers: number };

/** Another address. */
export type EmailOrder = { email: string; password?: string };

/** A player for another page. */
export type EmbedShown = { height: number; html: string; provider_name: string; provider_url: string; thumbnail_height?: number; thumbnail_url?: string; thumbnail_width?: number; title: string; type: string; version: string; width: number };

/** One line of the list of hand-tested devices. */
export type EncoderRule = { avoid?: (string)[]; match: string; prefer?: Prefer };

/** An offer that is taken. */
export type EnrollOrder = { code: string; offer: string };

/** A second factor that is there from now on. */
export type EnrolledView = { recovery_codes: (string)[] };

/** Something that came into a wallet, or went out of it. */
export type EntryShown = { about: string; at_ms: number; coins: number; id: string; kind: string };

/** Something that happened. */
export type EventSeen = { app: string; at: string; cause?: number | null; cause_name?: string | null; data: unknown; id: string; session?: string | null; stream: string; type: string };

/** Some events, in order. */
export type EventsSeen = { events: (EventSeen)[]; forgotten?: number; next: string };

/** Some of them, oldest first. */
export type ExpiringList = { going: number; going_bytes: number; going_ms: number; items: (ExpiringSeen)[]; next?: string | null };

/** A recording whose time is over. */
export type ExpiringSeen = { cases: number; clips: number; kept_by: (Pin)[]; kept_hours: number; recording: RecordingSeen; since: string };

/** The password, once more. */
export type Farewell = { password?: string };

/** What is wrong with one field of a request. */
export type FieldError = { field: string; words: string };

/** What is not said. */
export type FilterTerms = { links?: boolean; words: (string)[] };

/** Who follows a channel. */
export type FollowerList = { items: (FollowerShown)[]; next?: string | null };

/** Somebody who follows. */
export type FollowerShown = { id: string; name?: string | null; since_ms: number };

/** What somebody follows. */
export type Following = { items: (ChannelShown)[]; next?: string | null };

/** Who forgot a password. */
export type Forgotten = { login: string };

/** A key as it is shown once. */
export type FreshKey = { id: string; key: string; stream: string };

/** What was given. */
export type GiftGiven = { again: boolean; coins: number; combo: ComboShown; cost: number; id: string };

/** What somebody gives. */
export type GiftOrder = { channel: string; combo?: boolean; count?: number; gift: string; price?: number };

/** A picture that is known to be bad. */
export type HashWish = { hash: string; label: string };

/** Some of them, by their hashes. */
export type HashesSeen = { items: (KnownPicture)[]; next?: string | null };

/** A channel that one helps with. */
export type HelpedChannel = (ChannelShown) & ({ role: string });

/** What a group remembers. */
export type HistorySeen = { epoch: string; items: (unknown)[]; offset: number; online: number };

/** Where nothing was recorded. */
export type HoleSeen = { at: string; cause: string; duration_ms: number };

/** What becomes of a hook. */
export type HookChange = { app?: string; dialect?: string; state?: string; types?: (string)[]; url?: string };

/** A hook, with the secret that is shown this once. */
export type HookMade = (HookSeen) & ({ secret: string });

/** Who is told of what. */
export type HookSeen = { app: string; created_at: string; dialect: string; id: string; state: string; types: (string)[]; url: string };

/** Some hooks, oldest first. */
export type HooksSeen = { items: (HookSeen)[]; next?: string | null };

/** Who one is elsewhere. */
export type IdentityList = { items: (IdentityView)[]; next?: string | null };

/** Who one is at a provider. */
export type IdentityView = { created_ms: number; id: string; label: string; provider: string; used_ms?: number };

/** Invites that are still good. */
export type InviteList = { items: (InviteView)[]; next?: string | null };

/** An invite to be made. */
export type InviteOrder = { hours: number; role: string; uses: number };

/** What lets others sign up, its code left out. */
export type InviteView = { created_ms: number; expires_ms: number; id: string; role: string; uses_left: number };

/** Some items, newest first. */
export type ItemsSeen = { items: (ReviewItem)[]; next?: string | null };

/** An account's keys. */
export type KeyList = { items: (ApiKeyView)[]; next?: string | null };

/** A key to be made. */
export type KeyOrder = { expires_ms?: number; label: string; scopes: (string)[] };

/** A key to be made. */
export type KeyWish = { label?: string };

/** A client was told to go. */
export type Kicked = { code: number; kicked: string };

/** Who a client is, as far as whoever admitted it knows. */
export type KnownAs = { account: string; app: string; device: string; session: string };

/** A picture that is known to be bad. */
export type KnownPicture = { added_at: string; hash: string; label: string };

/** A track that weir does not carry. */
export type LeftOutTrack = { kind: string; what: string };

/** A link to sign in by. */
export type LinkOrder = { kind?: WantedKind; token: string };

/** The token of a letter's link. */
export type LinkToken = { token: string };

/** A link to sign in by. */
export type LinkView = { link: string };

/** With whom an account is to be linked. */
export type LinkWish = { password?: string; provider: string };

/** A channel in a list. */
export type ListedChannel = { category: string; cover: string; language: string; live: boolean; name: string; stream: string; title: string; viewers: number };

/** A key as it is listed. */
export type ListedKey = { created_ms: number; expires_ms?: number | null; id: string; label: string; replaces?: string; revoked_ms?: number | null; used_address?: string | null; used_ms?: number | null };

/** What anybody may know of a live stream. */
export type LiveStream = { app: string; audio?: Audio | null; bitrate_kbps: number; dvr?: Dvr | null; left_out: (LeftOutTrack)[]; not_yet_live?: string; notes: (string)[]; poster?: string; stream: string; uptime_ms: number; vhost: string; video?: Video | null; viewers: number };

/** Where it is. */
export type Located = { app: string; code: number; epoch?: number | null; ip: string; node?: string | null; port: number; protocol: string; since_ms?: number | null; source: string; stream: string; urls: (string)[]; vhost: string };

/** An invite that was made. */
export type MadeInvite = (InviteView) & ({ invite: string });

/** A key that was made. */
export type MadeKey = (ApiKeyView) & ({ key: string });

/** A secret that was made for a key. */
export type MadeSecret = { id: string; secret: string };

/** Who is to help, and as what. */
export type MemberWish = { account: string; role: string };

/** What is missing to sign in. */
export type MissingView = { missing: string; name: string; rest: string };

/** What a clip is to be. */
export type NewClip = { from_ms: number; title?: string; to_ms: number };

/** A hook as it is made. */
export type NewHook = { app?: string; dialect?: string; secret?: string; types?: (string)[]; url: string };

/** A passkey that a browser made. What it says is in base64url without padding. */
export type NewPasskeyOrder = { attestation: string; client_data: string; label: string; offer: string };

/** A new password by a letter's link. */
export type NewPassword = { new_password: string; token: string };

/** One way to reach a node. */
export type NodeAddress = { isp?: string; protocol: string; scope: string; url: string };

/** What a node can bear; 0 means that this is not what limits it. */
export type NodeCapacity = { connections: number; cpu_permille: number; out_kbps: number };

/** What a node bears now. */
export type NodeLoad = { connections: number; cpu_permille: number; out_kbps: number; publishers: number; viewers: number };

/** The catalogue. */
export type OfferList = { items: (OfferShown)[] };

/** The password, once more. */
export type OfferOrder = { password?: string };

/** Something that can be given, or could. */
export type OfferShown = { animation: string; badge: string; name: string; open: boolean; place: number; price: number; title: string; title_zh: string };

/** A second factor that is not there yet. */
export type OfferView = { offer: string; secret: string; uri: string };

/** What a gift is. */
export type OfferWish = { animation?: string; badge?: string; open?: boolean; place?: number; price: number; title: string; title_zh?: string };

/** The channels of one account. */
export type OwnChannels = { items: (ChannelShown)[]; next?: string | null };

/** A page of the site's own. */
export type OwnPage = { body: string; body_zh: string; changed_ms: number; created_ms: number; id: string; kind: string; path: string; place: number; publish_ms: number; slug: string; title: string; title_zh: string; version: number };

/** A page that is being written. */
export type OwnPageDraft = { body?: string; kind: string; language: string; publish_ms?: number; title?: string };

/** What a page was, the newest version first. */
export type OwnPageHistory = { items: (OwnPageVersion)[] };

/** Pages of the site's own. */
export type OwnPageList = { items: (OwnPage)[]; next?: string | null };

/** How it looks. */
export type OwnPagePreview = { html: string };

/** What a page says; in a change, what is left out stays. */
export type OwnPageText = { body?: string; body_zh?: string; place?: number; publish_ms?: number; title?: string; title_zh?: string };

/** What a page was. */
export type OwnPageVersion = { at_ms: number; body: string; body_zh: string; by: string; publish_ms: number; title: string; title_zh: string; version: number };

/** A page to be made. */
export type OwnPageWish = { body?: string; body_zh?: string; kind: string; place?: number; publish_ms?: number; slug: string; title: string; title_zh?: string };

/** Channels that one helps with. */
export type OwnTeams = { items: (HelpedChannel)[] };

/** The passkeys of an account. */
export type PasskeyList = { items: (PasskeyView)[]; next?: string | null };

/** Another name. */
export type PasskeyName = { label: string };

/** Somebody who shows a passkey. What the browser says is in base64url without padding. */
export type PasskeySignIn = { authenticator_data: string; client_data: string; credential: string; kind?: WantedKind; offer: string; signature: string; user_handle?: string };

/** What signs its owner in from a device, as they see it. */
export type PasskeyView = { created_ms: number; id: string; label: string; used_ms?: number };

/** The password, once more. */
export type PasskeyWish = { password?: string };

/** Another password. */
export type PasswordOrder = { new_password: string; password?: string };

/** Whose streams somebody may look at. */
export type PersonWish = { apps: (string)[] };

/** A JPEG, PNG, WebP or GIF file of at most 10 MiB. */
export type PictureFile = string;

/** What keeps a recording whose time is over. */
export type Pin = "held" | "clips" | "review";

/** One place, as it is answered. */
export type Place = { also?: (Also)[]; expires_ms: number; node: string; protocol: string; url: string; why: WhyThere };

/** What is answered. */
export type Places = { places: (Place)[]; whereabouts: Where };

/** How many nodes a pool should have. */
export type PoolDecision = { booting: number; by: string; current: number; desired: number; dry_run: boolean; held_by?: string; leaving: number; needed: number; reason: string; wanted: number };

/** What is known of a pool. */
export type PoolFacts = (PoolDecision) & ({ leader: boolean; max: number; min: number; pool: string; provider: string; region?: string | null; role: string });

/** All of them. */
export type Pools = { pools: (PoolFacts)[] };

/** In whose name something is posted. */
export type PostAuthor = { name: string; user: string };

/** What became of it. */
export type PostPlaced = { again: boolean; epoch: string; id: string; offset?: number | null; shed: boolean };

/** What is posted. */
export type PostWanted = { data: unknown; from?: PostAuthor | null; group: string; key?: string | null; kind: string; lane?: string | null; receipt?: boolean };

/** Hardware or software. */
export type Prefer = "hardware" | "software" | "auto";

/** How every refusal of the API looks. */
export type Problem = { advice: string; code: number; detail: string; errors?: (FieldError)[]; location?: string; message: string; name: string; next_best?: Record<string, unknown>; retry_after_ms?: number; status: number; title: string; type: string };

/** What changes; what is left out stays. */
export type ProfileOrder = { about?: string; display_name?: string; language?: string };

/** Who can say who one is. */
export type ProviderList = { items: (ProviderView)[]; next?: string | null };

/** Somebody who can say who one is. */
export type ProviderView = { name: string; title: string };

/** One of them. */
export type PublicAddress = { host?: string | null; port: number };

/** How the public reaches what is no HTTP; none where it is not listened for. */
export type PublicAddresses = { pictures?: string | null; rtmp?: PublicAddress | null; rtmps?: PublicAddress | null };

/** Who publishes a stream. */
export type Publisher = { address: string; id: string; protocol: string };

/** A question to a browser. */
export type QuestionView = { offer: string; options: Record<string, unknown> };

/** What a channel was given. */
export type Received = { all: EarnedShown; day: EarnedShown; items: (ReceivedShown)[]; next?: string | null; week: EarnedShown };

/** Something that the channel was given. */
export type ReceivedShown = { at_ms: number; coins: number; count: number; earned: number; gift: string; id: string; name?: string | null; refunded: boolean; user: string };

/** What is to be changed of a recording; what is left out stays. */
export type RecordingChange = { held?: boolean | null; hidden?: boolean | null; published?: boolean | null; title?: string | null };

/** Where a recording is. */
export type RecordingPlace = { app: string; clip?: ClipPlace | null; ended_ms: number; hidden?: boolean; node: string; nodes?: (string)[]; stored_bytes: number; stream: string; vhost: string };

/** A broadcast that can be watched again. */
export type RecordingSeen = { app: string; bytes: number; channel?: string | null; duration_ms: number; ended_at?: string | null; expires_at?: string | null; held: boolean; hidden: string; holes: (HoleSeen)[]; id: string; node: string; poster?: string | null; published: boolean; started_at: string; state: string; stored_bytes: number; stream: string; title: string; url: string };

/** Which stream is to be recorded. */
export type RecordingWish = { app: string; stream: string };

/** Some recordings, newest first. */
export type RecordingsSeen = { items: (RecordingSeen)[]; next?: string | null };

/** What renews a session. */
export type RefreshOrder = { refresh?: string | null };

/** What is given back. */
export type RefundWish = { gift: string; why: string };

/** A second factor to be taken away. */
export type RemoveOrder = { code: string; password?: string };

/** The body of a report. */
export type Report = { app: string; ip: string; port: number; protocol?: string; stream: string; ttl_ms?: number; vhost?: string };

/** That it was heard. */
export type ReportHeard = { counted: boolean };

/** What is wrong with a stream. */
export type ReportWish = { reason: string };

/** What was missing. */
export type RestOrder = { code?: string; kind?: WantedKind; name?: string; rest: string };

/** What a provider sent back. */
export type ReturnOrder = { code?: string; error?: string; iss?: string; kind?: WantedKind; provider: string; state: string };

/** A stretch of one stream's time with pictures inside. */
export type ReviewItem = { age_ms: number; app: string; begun_at: string; folded: number; id: string; kind: string; marks: (string)[]; note?: string | null; pictures: number; reports: number; shots: (ReviewPicture)[]; state: string; stream: string; until_at: string; verdict?: ReviewVerdict | null; viewers: number };

/** What review comes to. */
export type ReviewNumbers = { alarm: string; claimed: number; disagreements: number; escalated: number; off?: string | null; oldest_age_ms?: number | null; pictures: number; reviewers: (Reviewer)[]; second_looks: number; tests: (TestScore)[]; waiting: number };

/** All of them. */
export type ReviewPeople = { items: (ReviewPerson)[] };

/** Somebody who looks at streams of some apps. */
export type ReviewPerson = { apps: (string)[]; id: string; name?: string | null; since_at: string };

/** A picture inside an item. */
export type ReviewPicture = { folded: boolean; hash?: string | null; height: number; id: string; known_as?: string | null; taken_at: string; undecodable?: string | null; url?: string | null; width: number };

/** What whoever asks may do in review. */
export type ReviewSelf = { apps?: (string)[] | null; leads: boolean; moderates: boolean };

/** What became of an item. */
export type ReviewVerdict = { agrees?: boolean | null; at: string; ban?: string | null; by?: string | null; reason?: string | null; verdict: string };

/** What one reviewer did within the last hour. */
export type Reviewer = { acted: number; items: number; last_at: string; name?: string | null; pictures: number };

/** How an old key ends. */
export type Rotation = { grace_s?: number };

/** The cluster, as one node sees it. */
export type Seen = { cluster: string; me: string; next?: string; nodes: (SeenNode)[]; status: Standing; streams: (SeenStream)[]; streams_total: number };

/** A node, as it describes itself and is seen. */
export type SeenNode = { addresses: (NodeAddress)[]; capacity: NodeCapacity; carries: number; draining: boolean; fullness_of: string; fullness_permille: number; health: string; id: string; isp?: string | null; load: NodeLoad; owns: number; parent?: string; region?: string | null; roles: (string)[]; version: string };

/** A stream somewhere in the cluster. */
export type SeenStream = { carriers: (string)[]; epoch: number; key: string; owner: string; since_ms: number };

/** What an SLSP publisher says of itself. */
export type Sender = { dropped: number; encoder: string; fps: number; kbps: number; queue_ms: number };

/** Where somebody is signed in. */
export type SessionList = { items: (SessionView)[]; next?: string | null };

/** Where somebody is signed in. */
export type SessionView = { address: string; agent: string; created_ms: number; current: boolean; expires_ms: number; id: string; kind: string; used_ms: number };

/** One key of the configuration. */
export type Setting = { is_set: boolean; meaning: string; name: string; needs_restart: boolean; value: unknown };

/** The settings of a node. */
export type SettingList = { items: (Setting)[]; node: string; version: string };

/** A picture that is kept. */
export type ShotKept = { fault: string; id: string };

/** What somebody shows who signs in. */
export type SignInOrder = { code?: string; kind?: WantedKind; login: string; password: string };

/** What somebody says who wants an account. */
export type SignUpOrder = { email: string; invite?: string; name: string; password: string };

/** Somebody who is signed in. */
export type SignedInView = { account: AccountView; refresh?: string; session: SessionView; token?: string; token_expires_ms?: number };

/** A picture, or why there is none. */
export type SnapshotSeen = { age_ms: number; app: string; bytes: number; height: number; id: string; reason: string; session?: string | null; stream: string; taken_at: string; undecodable?: string | null; url?: string | null; width: number };

/** Some pictures, newest first. */
export type SnapshotsSeen = { items: (SnapshotSeen)[]; next?: string | null; off?: string | null };

export type SrsAudio = { channel: number; codec: string; sample_rate: number };

/** A publisher or a viewer. */
export type SrsClient = { alive: number; id: string; ip: string; name: string; publish: boolean; recv_bytes: number; send_bytes: number; stream: string; type: string; url: string; vhost: string };

export type SrsClients = (SrsEnvelope) & ({ clients: (SrsClient)[] });

/** What stands around every answer of SRS. */
export type SrsEnvelope = { code: number; pid: string; server: string; service: string };

/** Who publishes. */
export type SrsPublish = { active: boolean; cid?: string | null };

/** Kilobits per second; over five seconds, whatever the name says. */
export type SrsRate = { recv_30s: number };

/** The process. */
export type SrsSelf = { mem_kbyte: number; pid: number; srs_uptime: number; version: string };

/** A live stream. */
export type SrsStream = { app: string; audio?: SrsAudio | null; clients: number; frames: number; id: string; kbps: SrsRate; live_ms: number; name: string; publish: SrsPublish; recv_bytes: number; send_bytes: number; url: string; vhost: string; video?: SrsVideo | null };

export type SrsStreams = (SrsEnvelope) & ({ streams: (SrsStream)[] });

export type SrsSummaries = (SrsEnvelope) & ({ data: SrsSummary });

/** The node in numbers. */
export type SrsSummary = { now_ms: number; ok: boolean; self: SrsSelf; system: SrsSystem };

/** What is connected. */
export type SrsSystem = { conn_srs: number };

export type SrsVideo = { codec: string; height: number; width: number };

/** How a node stands in the cluster. */
export type Standing = { bus: boolean; bus_down_ms?: number; doubting: boolean; nodes: number; owned: number; store: boolean; store_down_ms?: number; unconfirmed: number };

/** What the operator may know besides. */
export type StreamDetail = (LiveStream) & ({ audio_frames: number; audio_kbps: number; corrections: number; dropped_frames: number; gop_frames: number; gop_ms: number; life: number; publisher?: Publisher | null; received_bytes: number; ring_bytes: number; sender?: Sender | null; sent_bytes: number; skipped_frames: number; video_frames: number; video_kbps: number; viewers_by_protocol: Record<string, number> });

/** The keys of a channel. */
export type StreamKeyList = { items: (ListedKey)[] };

/** Streams that are live. */
export type Streams_LiveStream = { next?: string; server_time_ms: number; streams: ({ app: string; audio?: Audio | null; bitrate_kbps: number; dvr?: Dvr | null; left_out: (LeftOutTrack)[]; not_yet_live?: string; notes: (string)[]; poster?: string; stream: string; uptime_ms: number; vhost: string; video?: Video | null; viewers: number })[] };

/** Streams that are live. */
export type Streams_StreamDetail = { next?: string; server_time_ms: number; streams: ((LiveStream) & ({ audio_frames: number; audio_kbps: number; corrections: number; dropped_frames: number; gop_frames: number; gop_ms: number; life: number; publisher?: Publisher | null; received_bytes: number; ring_bytes: number; sender?: Sender | null; sent_bytes: number; skipped_frames: number; video_frames: number; video_kbps: number; viewers_by_protocol: Record<string, number> }))[] };

/** A report was taken. */
export type Taken = { code: number; ttl_ms: number };

/** Who helps with a channel. */
export type Team = { items: (TeamMember)[] };

/** Somebody who helps. */
export type TeamMember = { id: string; name?: string | null; role: string; since_ms: number };

/** A test picture. */
export type TestPicture = { added_at: string; id: string; label: string; url: string; verdict: string };

/** Some of them, the oldest first. */
export type TestPictures = { items: (TestPicture)[]; next?: string | null; one_in: number };

/** How one reviewer did with test pictures within 30 days. */
export type TestScore = { missed: number; name?: string | null; shown: number; wronged: number };

/** Leave to watch. */
export type TicketGiven = { stream: string; ticket: string; until_ms: number };

/** What somebody shows who wants to watch. */
export type TicketWish = { password?: string };

/** Somebody who gave much. */
export type TopGiver = { coins: number; id: string; name?: string | null };

/** Who gave most. */
export type TopGivers = { items: (TopGiver)[]; since_ms: number };

/** What was paid for. */
export type TopUpWish = { coins: number; payment: string };

/** What was taken back, for whoever did to decide again. */
export type UndoneSeen = { claim: string; good_for_ms: number; item: ReviewItem };

/** The password, once more. */
export type UnlinkOrder = { password?: string };

/** What runs. */
export type Version = { major: number; minor: number; name: string; revision: number; version: string };

/** The version, in the envelope that SRS users know. */
export type Versions = { code: number; data: Version; server: string };

/** The pictures of a stream. */
export type Video = { codec: string; fps: number; height: number; rfc6381: string; width: number };

/** Some of what is live, by name. */
export type Wall = { items: (WallTile)[]; live: number; next?: string | null; off?: string | null };

/** Which stream. */
export type WallClaimWish = { stream: string };

/** A live stream and its newest picture. */
export type WallTile = { age_ms?: number | null; app: string; since_at: string; stream: string; taken_at?: string | null; url?: string | null; viewers: number };

/** What became of it. */
export type WalletMoved = { again: boolean; coins: number; id: string };

/** A wallet, and what came and went. */
export type WalletShown = { coins: number; items: (EntryShown)[]; next?: string | null };

/** How a session is shown. */
export type WantedKind = "cookie" | "token" | "both";

/** Where the client is thought to be. */
export type Where = { isp?: string | null; region?: string | null };

/** Why a node was named. */
export type WhyThere = { carries: boolean; considered: number; full_permille: number; in_turn: boolean; last_resort: boolean; of: string; tier: string; words: string };

/** What each operation takes and answers. */
export interface Operations {
  /** One account */
  account: { asked: { path: { id: string } }; answered: AccountView };
  /** Ask for a new password */
  account_ask_reset: { asked: { body: Forgotten }; answered: undefined };
  /** Change an account */
  account_change: { asked: { path: { id: string }; header?: { "If-Match"?: string | null }; body: AccountOrder }; answered: AccountView };
  /** Make a link to sign in by */
  account_link: { asked: { path: { id: string } }; answered: LinkView };
  /** Accounts */
  account_list: { asked: { query?: { q?: string; limit?: number; after?: string } }; answered: AccountList };
  /** Make an account */
  account_make: { asked: { body: SignUpOrder }; answered: AccountView };
  /** Prove an address */
  account_prove: { asked: { body: LinkToken }; answered: undefined };
  /** Set a new password */
  account_reset: { asked: { body: NewPassword }; answered: undefined };
  /** Sign an account out somewhere */
  account_session_end: { asked: { path: { id: string; session: string } }; answered: undefined };
  /** Where an account is signed in */
  account_sessions: { asked: { path: { id: string } }; answered: AccountSessions };
  /** Where RTMP is spoken */
  addresses: { asked: {  }; answered: PublicAddresses };
  /** One's API keys */
  api_key_list: { asked: {  }; answered: KeyList };
  /** Make an API key */
  api_key_make: { asked: { body: KeyOrder }; answered: MadeKey };
  /** Take an API key back */
  api_key_revoke: { asked: { path: { id: string } }; answered: undefined };
  /** What a page must know before it publishes or plays */
  app: { asked: { path: { app: string } }; answered: AppFacts };
  /** What each app takes */
  app_list: { asked: { query?: { limit?: number; after?: string } }; answered: AppTermsList };
  /** Say nothing of an app any more */
  app_remove: { asked: { path: { app: string } }; answered: undefined };
  /** Say what an app takes */
  app_set: { asked: { path: { app: string }; header?: { "If-Match"?: string | null }; body: AppWish }; answered: AppSet };
  /** Appeal against a ban on my account */
  appeal: { asked: { body: AppealWish }; answered: Appeal };
  /** Decide an appeal */
  appeal_decide: { asked: { path: { ban: string; id: string }; body: AppealDecision }; answered: Appeal };
  /** Appeals that nobody decided */
  appeal_list: { asked: { query?: { limit?: number; after?: string } }; answered: AppealList };
  /** Who did what, newest first */
  audit_list: { asked: { query?: { actor?: string; object?: string; action?: string; limit?: number; after?: string } }; answered: ActsSeen };
  /** Ban an account, a stream or a network */
  ban: { asked: { body: BanWish }; answered: Ban };
  /** Lift a ban */
  ban_lift: { asked: { path: { id: string } }; answered: undefined };
  /** Bans */
  ban_list: { asked: { query?: { limit?: number; after?: string } }; answered: BanList };
  /** Bans on my account */
  ban_own: { asked: {  }; answered: BanList };
  /** One broadcast */
  broadcast: { asked: { path: { id: string } }; answered: BroadcastSeen };
  /** Say that the app is there */
  broadcast_heartbeat: { asked: { path: { id: string } }; answered: undefined };
  /** Broadcasts, newest first */
  broadcasts_list: { asked: { query?: { app?: string; stream?: string; live?: boolean; limit?: number; after?: string } }; answered: BroadcastsSeen };
  /** What channels may be about */
  category_list: { asked: {  }; answered: CategoryList };
  /** Take a category away */
  category_remove: { asked: { path: { name: string } }; answered: undefined };
  /** Make a category, or call it something else */
  category_set: { asked: { path: { name: string }; body: CategoryWish }; answered: CategoryShown };
  /** A channel */
  channel: { asked: { path: { name: string } }; answered: ChannelShown };
  /** Decide an appeal against a ban on a channel */
  channel_appeal_decide: { asked: { path: { name: string; ban: string; id: string }; body: AppealDecision }; answered: Appeal };
  /** Appeals against bans on a channel */
  channel_appeals: { asked: { path: { name: string }; query?: { limit?: number; after?: string } }; answered: AppealList };
  /** Keep somebody from watching a channel */
  channel_ban: { asked: { path: { name: string }; body: ChannelBanWish }; answered: Ban };
  /** Lift a ban on a channel */
  channel_ban_lift: { asked: { path: { name: string; id: string } }; answered: undefined };
  /** Bans on a channel */
  channel_ban_list: { asked: { path: { name: string }; query?: { limit?: number; after?: string } }; answered: BanList };
  /** Set a channel's picture */
  channel_cover: { asked: { path: { name: string } }; answered: ChannelShown };
  /** Remove a channel's picture */
  channel_cover_remove: { asked: { path: { name: string } }; answered: ChannelShown };
  /** Make a channel */
  channel_create: { asked: { body: ChannelWish }; answered: ChannelShown };
  /** Change a channel */
  channel_edit: { asked: { path: { name: string }; header?: { "If-Match"?: string | null }; body: ChannelChange }; answered: ChannelShown };
  /** Public channels */
  channel_list: { asked: { query?: { category?: string; language?: string; q?: string; live?: boolean; limit?: number; after?: string } }; answered: ChannelList };
  /** A channel's recordings, newest first */
  channel_recordings: { asked: { path: { name: string }; query?: { limit?: number; after?: string } }; answered: RecordingsSeen };
  /** Take a channel away */
  channel_remove: { asked: { path: { name: string } }; answered: undefined };
  /** Get leave to watch a channel */
  channel_ticket: { asked: { path: { name: string }; body: TicketWish }; answered: TicketGiven };
  /** What is not said in a room */
  chat_filter: { asked: { query: { group: string } }; answered: FilterTerms };
  /** Say what is not said in a room */
  chat_filter_set: { asked: { query: { group: string }; body: FilterTerms }; answered: FilterTerms };
  /** What was posted in a group */
  chat_history: { asked: { query: { group: string; since?: number; limit?: number } }; answered: HistorySeen };
  /** Post in a group */
  chat_publish: { asked: { body: PostWanted }; answered: PostPlaced };
  /** End a client's stay */
  client_kick: { asked: { path: { id: string } }; answered: Kicked };
  /** Publishers and viewers */
  clients: { asked: { query?: { limit?: number; after?: string } }; answered: Clients };
  /** Make a clip of a recording */
  clip_create: { asked: { path: { id: string }; body: NewClip }; answered: ClipSeen };
  /** Take a clip away */
  clip_remove: { asked: { path: { id: string; clip: string } }; answered: undefined };
  /** Clips of a recording, newest first */
  clips_list: { asked: { path: { id: string } }; answered: ClipsSeen };
  /** Nodes, streams, and how this node stands among them */
  cluster: { asked: { query?: { after?: string } }; answered: Seen };
  /** Where to publish, play or chat */
  dispatch: { asked: { path: { purpose: string }; body: DispatchRequest }; answered: Places };
  /** This document */
  document: { asked: {  }; answered: Record<string, unknown> };
  /** Empty this node */
  drain_begin: { asked: { header?: { "If-Match"?: string | null }; body?: DrainOrder | null }; answered: DrainProgress };
  /** How far it is */
  drain_progress: { asked: {  }; answered: DrainProgress };
  /** What happened */
  events_read: { asked: { query?: { after?: string; types?: string; app?: string; stream?: string; limit?: number; wait?: number }; header?: { "Last-Event-ID"?: string | null } }; answered: EventsSeen };
  /** Follow a channel */
  follow: { asked: { path: { name: string } }; answered: undefined };
  /** Who follows a channel */
  followers: { asked: { path: { name: string }; query?: { limit?: number; after?: string } }; answered: FollowerList };
  /** What I follow */
  following: { asked: { query?: { limit?: number; after?: string } }; answered: Following };
  /** The same, for people with a browser */
  get_coworker: { asked: { query: { app: string; stream: string; vhost?: string; ip?: string; coworker?: string } }; answered: Record<string, unknown> };
  /** Give a gift */
  gift_give: { asked: { header: { "Idempotency-Key": string }; body: GiftOrder }; answered: GiftGiven };
  /** What can be given */
  gift_list: { asked: {  }; answered: OfferList };
  /** What my channel was given */
  gift_received: { asked: { path: { name: string }; query?: { limit?: number; after?: string } }; answered: Received };
  /** Take a gift away */
  gift_remove: { asked: { path: { name: string } }; answered: undefined };
  /** Make a gift, or say something else of it */
  gift_set: { asked: { path: { name: string }; body: OfferWish }; answered: OfferShown };
  /** Who gave most to a channel */
  gift_top: { asked: { path: { name: string }; query?: { span?: string } }; answered: TopGivers };
  /** One hook */
  hook: { asked: { path: { id: string } }; answered: HookSeen };
  /** Change a hook */
  hook_change: { asked: { path: { id: string }; header?: { "If-Match"?: string | null }; body: HookChange }; answered: HookSeen };
  /** Have a receiver told of events */
  hook_create: { asked: { body: NewHook }; answered: HookMade };
  /** Send a delivery again */
  hook_deliver_again: { asked: { path: { id: string; delivery: string } }; answered: undefined };
  /** What a receiver was told, newest first */
  hook_deliveries: { asked: { path: { id: string }; query?: { state?: string; limit?: number; after?: string } }; answered: DeliveriesSeen };
  /** Remove a hook, with all that waits for it */
  hook_remove: { asked: { path: { id: string } }; answered: undefined };
  /** Give a hook another secret */
  hook_rotate: { asked: { path: { id: string } }; answered: HookMade };
  /** Hooks, oldest first */
  hooks_list: { asked: { query?: { limit?: number; after?: string } }; answered: HooksSeen };
  /** Link one's account with a provider */
  identity_add: { asked: { body: ReturnOrder }; answered: IdentityView };
  /** Who one is elsewhere */
  identity_list: { asked: {  }; answered: IdentityList };
  /** Begin to link one's account with a provider */
  identity_offer: { asked: { body: LinkWish }; answered: DepartureView };
  /** Unlink one's account from a provider */
  identity_remove: { asked: { path: { id: string }; body: UnlinkOrder }; answered: undefined };
  /** Invites */
  invite_list: { asked: { query?: { limit?: number; after?: string } }; answered: InviteList };
  /** Make an invite */
  invite_make: { asked: { body: InviteOrder }; answered: MadeInvite };
  /** Take an invite back */
  invite_revoke: { asked: { path: { id: string } }; answered: undefined };
  /** Make a key */
  key_add: { asked: { path: { name: string }; body: KeyWish }; answered: FreshKey };
  /** The keys of a channel */
  key_list: { asked: { path: { name: string } }; answered: StreamKeyList };
  /** Take a key back */
  key_revoke: { asked: { path: { name: string; id: string } }; answered: undefined };
  /** Put a new key in the place of one */
  key_rotate: { asked: { path: { name: string; id: string }; body: Rotation }; answered: FreshKey };
  /** What is on, for everybody */
  live: { asked: { query?: { stream?: string } }; answered: Streams_LiveStream };
  /** Ask where a stream is */
  locate: { asked: { query: { app: string; stream: string; vhost?: string } }; answered: Located };
  /** One's own account */
  me: { asked: {  }; answered: AccountView };
  /** Set one's picture */
  me_avatar: { asked: {  }; answered: AccountView };
  /** Remove one's picture */
  me_avatar_remove: { asked: {  }; answered: AccountView };
  /** Change one's profile */
  me_change: { asked: { header?: { "If-Match"?: string | null }; body: ProfileOrder }; answered: AccountView };
  /** Change one's address */
  me_email: { asked: { body: EmailOrder }; answered: undefined };
  /** Send the letter once more that proves one's address */
  me_email_proof: { asked: {  }; answered: undefined };
  /** Take one's data along */
  me_export: { asked: {  }; answered: Record<string, unknown> };
  /** Change one's password */
  me_password: { asked: { body: PasswordOrder }; answered: undefined };
  /** Remove one's account */
  me_remove: { asked: { body: Farewell }; answered: undefined };
  /** What admission is to know */
  node_admission: { asked: { query?: { series?: string; version?: number } }; answered: undefined };
  /** Ask what no node without a store can know */
  node_consult: { asked: { query: { sha256: string }; body: Record<string, unknown> }; answered: Record<string, unknown> };
  /** Tell which stream keys were published with */
  node_key_uses: { asked: { query: { sha256: string }; body: Record<string, unknown> }; answered: undefined };
  /** Where a recording is */
  node_recording: { asked: { path: { id: string } }; answered: RecordingPlace };
  /** Tell what happens to a node's streams */
  node_report: { asked: { query: { sha256: string }; body: Record<string, unknown> }; answered: Record<string, unknown> };
  /** Decode a keyframe */
  node_shot_develop: { asked: { query: { sha256: string } }; answered: undefined };
  /** Keep a picture */
  node_snapshot_keep: { asked: { query: { sha256: string } }; answered: ShotKept };
  /** Take a picture of a node's own stream */
  node_snapshot_take: { asked: { query: { sha256: string }; body: Record<string, unknown> }; answered: ShotKept };
  /** A channel's player for another page */
  oembed: { asked: { query: { url: string; maxwidth?: number; maxheight?: number; format?: string } }; answered: EmbedShown };
  /** My channels */
  own_channels: { asked: { query?: { limit?: number; after?: string } }; answered: OwnChannels };
  /** Channels that I help with */
  own_teams: { asked: {  }; answered: OwnTeams };
  /** A page, as it is written */
  page: { asked: { path: { id: string } }; answered: OwnPage };
  /** Make a page */
  page_create: { asked: { body: OwnPageWish }; answered: OwnPage };
  /** Change a page */
  page_edit: { asked: { path: { id: string }; header?: { "If-Match"?: string | null }; body: OwnPageText }; answered: OwnPage };
  /** Pages of the site's own */
  page_list: { asked: { query?: { kind?: string; limit?: number; after?: string } }; answered: OwnPageList };
  /** See how a page will look */
  page_preview: { asked: { body: OwnPageDraft }; answered: OwnPagePreview };
  /** Take a page away */
  page_remove: { asked: { path: { id: string } }; answered: undefined };
  /** What a page was */
  page_versions: { asked: { path: { id: string }; query?: { before?: number } }; answered: OwnPageHistory };
  /** Add a passkey */
  passkey_add: { asked: { body: NewPasskeyOrder }; answered: PasskeyView };
  /** One's passkeys */
  passkey_list: { asked: {  }; answered: PasskeyList };
  /** Name a passkey */
  passkey_name: { asked: { path: { id: string }; body: PasskeyName }; answered: PasskeyView };
  /** Begin to add a passkey */
  passkey_offer: { asked: { body: PasskeyWish }; answered: QuestionView };
  /** Remove a passkey */
  passkey_remove: { asked: { path: { id: string }; body: PasskeyWish }; answered: undefined };
  /** How many nodes a pool should have */
  pool: { asked: { path: { pool: string } }; answered: PoolFacts };
  /** How many nodes each pool should have */
  pools: { asked: {  }; answered: Pools };
  /** Where a stream is, for an origin of SRS */
  post_coworker: { asked: { query: { app: string; stream: string; vhost?: string; ip?: string; coworker?: string } }; answered: Record<string, unknown> };
  /** Who can say who one is */
  provider_list: { asked: {  }; answered: ProviderList };
  /** One recording */
  recording: { asked: { path: { id: string } }; answered: RecordingSeen };
  /** Record a live stream from now on */
  recording_begin: { asked: { body: RecordingWish }; answered: RecordingSeen };
  /** Say something else of a recording */
  recording_edit: { asked: { path: { id: string }; body: RecordingChange }; answered: RecordingSeen };
  /** Recordings of all nodes, newest first */
  recording_list: { asked: { query?: { app?: string; stream?: string; channel?: string; state?: string; limit?: number; after?: string } }; answered: RecordingsSeen };
  /** Take a recording away */
  recording_remove: { asked: { path: { id: string }; query?: { clips?: boolean } }; answered: undefined };
  /** End a recording */
  recording_stop: { asked: { path: { id: string } }; answered: undefined };
  /** Recordings whose time is over, oldest first */
  recordings_expiring: { asked: { query?: { in_hours?: number; limit?: number; after?: string } }; answered: ExpiringList };
  /** What of a stream can be watched again, newest first */
  replays: { asked: { query: { stream: string; limit?: number; after?: string } }; answered: RecordingsSeen };
  /** Say where a stream is on a server of another make */
  report: { asked: { body: Report }; answered: Taken };
  /** Claim the next items */
  review_claim: { asked: { body: ClaimWish }; answered: ClaimSeen };
  /** Decide items of a claim */
  review_decide: { asked: { body: DecisionWish }; answered: DecisionsSeen };
  /** Add a test picture */
  review_gold_add: { asked: { query?: { verdict?: string; label?: string } }; answered: TestPicture };
  /** Test pictures */
  review_gold_list: { asked: { query?: { limit?: number; after?: string } }; answered: TestPictures };
  /** A test picture, as JPEG */
  review_gold_picture: { asked: { path: { id: string } }; answered: undefined };
  /** Remove a test picture */
  review_gold_remove: { asked: { path: { id: string } }; answered: undefined };
  /** Add a picture that is known to be bad */
  review_hash_add: { asked: { body: HashWish }; answered: undefined };
  /** Pictures that are known to be bad */
  review_hash_list: { asked: { query?: { limit?: number; after?: string } }; answered: HashesSeen };
  /** Remove one of them */
  review_hash_remove: { asked: { path: { hash: string } }; answered: undefined };
  /** One item, with all of its pictures in the order of time */
  review_item: { asked: { path: { id: string } }; answered: ReviewItem };
  /** What waits and what was decided, newest first */
  review_list: { asked: { query?: { state?: string; stream?: string; mine?: boolean; known_as?: string; limit?: number; after?: string } }; answered: ItemsSeen };
  /** What review comes to, in numbers */
  review_numbers: { asked: {  }; answered: ReviewNumbers };
  /** Who looks at streams of some apps */
  review_people: { asked: {  }; answered: ReviewPeople };
  /** Have an account look at streams of some apps */
  review_person_put: { asked: { path: { id: string }; body: PersonWish }; answered: undefined };
  /** Have an account look no more */
  review_person_remove: { asked: { path: { id: string } }; answered: undefined };
  /** A picture inside an item, as JPEG */
  review_picture: { asked: { path: { id: string; picture: string } }; answered: undefined };
  /** Give a claim back */
  review_release: { asked: { path: { claim: string } }; answered: undefined };
  /** Keep a claim */
  review_renew: { asked: { path: { claim: string } }; answered: ClaimKept };
  /** What one may do in review */
  review_self: { asked: {  }; answered: ReviewSelf };
  /** Take a verdict back */
  review_undo: { asked: { path: { id: string } }; answered: UndoneSeen };
  /** The newest picture of every live stream */
  review_wall: { asked: { query?: { limit?: number; after?: string } }; answered: Wall };
  /** Claim a stream of the wall */
  review_wall_claim: { asked: { body: WallClaimWish }; answered: ClaimSeen };
  /** What is to come on a channel */
  schedule: { asked: { path: { name: string } }; answered: ChannelSchedule };
  /** Announce a broadcast */
  schedule_add: { asked: { path: { name: string }; body: BroadcastWish }; answered: ComingBroadcast };
  /** Say something else of a broadcast */
  schedule_change: { asked: { path: { name: string; id: string }; header?: { "If-Match"?: string | null }; body: BroadcastWish }; answered: ComingBroadcast };
  /** Take a broadcast back */
  schedule_remove: { asked: { path: { name: string; id: string } }; answered: undefined };
  /** Sign in */
  session_begin: { asked: { body: SignInOrder }; answered: SignedInView };
  /** Sign in by a link */
  session_by_link: { asked: { body: LinkOrder }; answered: SignedInView };
  /** Sign in by a provider */
  session_by_oidc: { asked: { body: ReturnOrder }; answered: SignedInView | MissingView };
  /** Sign in by a passkey */
  session_by_passkey: { asked: { body: PasskeySignIn }; answered: SignedInView };
  /** Sign out */
  session_end: { asked: { query?: { which?: "this" | "others" | "all" } }; answered: undefined };
  /** End one session */
  session_end_one: { asked: { path: { id: string } }; answered: undefined };
  /** Where one is signed in */
  session_list: { asked: {  }; answered: SessionList };
  /** Begin to sign in by a provider */
  session_oidc_offer: { asked: { body: DepartureWish }; answered: DepartureView };
  /** Say what was missing to sign in by a provider */
  session_oidc_rest: { asked: { body: RestOrder }; answered: SignedInView };
  /** Begin to sign in by a passkey */
  session_passkey_offer: { asked: {  }; answered: QuestionView };
  /** Renew a session */
  session_refresh: { asked: { body?: RefreshOrder | null }; answered: SignedInView };
  /** The settings of this node */
  settings: { asked: {  }; answered: SettingList };
  /** A picture of a live stream, as JPEG */
  snapshot: { asked: { path: { name: string } }; answered: undefined };
  /** Take a picture now */
  snapshot_take: { asked: { path: { name: string } }; answered: SnapshotSeen };
  /** Pictures of live streams, newest first */
  snapshots_list: { asked: { query?: { stream?: string; limit?: number; after?: string } }; answered: SnapshotsSeen };
  /** Publishers and viewers */
  srs_clients: { asked: { query?: { start?: number; count?: number } }; answered: SrsClients };
  /** Live streams */
  srs_streams: { asked: { query?: { start?: number; count?: number } }; answered: SrsStreams };
  /** The node in numbers */
  srs_summaries: { asked: {  }; answered: SrsSummaries };
  /** One live stream in detail */
  stream: { asked: { path: { name: string } }; answered: StreamDetail };
  /** Report a live stream */
  stream_report: { asked: { path: { name: string }; body: ReportWish }; answered: ReportHeard };
  /** Live streams in detail */
  streams: { asked: { query?: { limit?: number; after?: string } }; answered: Streams_StreamDetail };
  /** Who helps with a channel */
  team: { asked: { path: { name: string } }; answered: Team };
  /** Let somebody go out of the team */
  team_remove: { asked: { path: { name: string; id: string } }; answered: undefined };
  /** Have somebody help with a channel */
  team_set: { asked: { path: { name: string }; body: MemberWish }; answered: TeamMember };
  /** Get a token for chat */
  token_chat: { asked: {  }; answered: ChatTokenView };
  /** The keys of chat tokens */
  token_keys: { asked: {  }; answered: Record<string, unknown> };
  /** Add a second factor */
  totp_add: { asked: { body: EnrollOrder }; answered: EnrolledView };
  /** Begin to add a second factor */
  totp_offer: { asked: { body: OfferOrder }; answered: OfferView };
  /** Take the second factor away */
  totp_remove: { asked: { body: RemoveOrder }; answered: undefined };
  /** Follow a channel no more */
  unfollow: { asked: { path: { name: string } }; answered: undefined };
  /** Name and version */
  versions: { asked: {  }; answered: Versions };
  /** My wallet */
  wallet: { asked: { query?: { limit?: number; after?: string } }; answered: WalletShown };
  /** Give a gift back */
  wallet_refund: { asked: { path: { user: string }; body: RefundWish }; answered: WalletMoved };
  /** Somebody's wallet */
  wallet_show: { asked: { path: { user: string }; query?: { limit?: number; after?: string } }; answered: WalletShown };
  /** Coins that were paid for come into a wallet */
  wallet_top_up: { asked: { path: { user: string }; body: TopUpWish }; answered: WalletMoved };
}

/** Where each operation is. */
export const PLACES = {
  account: ["GET", "/api/v1/accounts/{id}"],
  account_ask_reset: ["POST", "/api/v1/accounts/reset"],
  account_change: ["PATCH", "/api/v1/accounts/{id}"],
  account_link: ["POST", "/api/v1/accounts/{id}/link"],
  account_list: ["GET", "/api/v1/accounts"],
  account_make: ["POST", "/api/v1/accounts"],
  account_prove: ["POST", "/api/v1/accounts/prove"],
  account_reset: ["PUT", "/api/v1/accounts/reset"],
  account_session_end: ["DELETE", "/api/v1/accounts/{id}/sessions/{session}"],
  account_sessions: ["GET", "/api/v1/accounts/{id}/sessions"],
  addresses: ["GET", "/api/v1/addresses"],
  api_key_list: ["GET", "/api/v1/me/keys"],
  api_key_make: ["POST", "/api/v1/me/keys"],
  api_key_revoke: ["DELETE", "/api/v1/me/keys/{id}"],
  app: ["GET", "/api/v1/apps/{+app}"],
  app_list: ["GET", "/api/v1/apps"],
  app_remove: ["DELETE", "/api/v1/apps/{+app}"],
  app_set: ["PUT", "/api/v1/apps/{+app}"],
  appeal: ["POST", "/api/v1/me/appeals"],
  appeal_decide: ["POST", "/api/v1/bans/{ban}/appeals/{id}"],
  appeal_list: ["GET", "/api/v1/appeals"],
  audit_list: ["GET", "/api/v1/audit"],
  ban: ["POST", "/api/v1/bans"],
  ban_lift: ["DELETE", "/api/v1/bans/{id}"],
  ban_list: ["GET", "/api/v1/bans"],
  ban_own: ["GET", "/api/v1/me/bans"],
  broadcast: ["GET", "/api/v1/broadcasts/{id}"],
  broadcast_heartbeat: ["POST", "/api/v1/sessions/{id}/heartbeat"],
  broadcasts_list: ["GET", "/api/v1/broadcasts"],
  category_list: ["GET", "/api/v1/categories"],
  category_remove: ["DELETE", "/api/v1/categories/{name}"],
  category_set: ["PUT", "/api/v1/categories/{name}"],
  channel: ["GET", "/api/v1/channels/{name}"],
  channel_appeal_decide: ["POST", "/api/v1/channels/{name}/bans/{ban}/appeals/{id}"],
  channel_appeals: ["GET", "/api/v1/channels/{name}/appeals"],
  channel_ban: ["POST", "/api/v1/channels/{name}/bans"],
  channel_ban_lift: ["DELETE", "/api/v1/channels/{name}/bans/{id}"],
  channel_ban_list: ["GET", "/api/v1/channels/{name}/bans"],
  channel_cover: ["PUT", "/api/v1/channels/{name}/cover"],
  channel_cover_remove: ["DELETE", "/api/v1/channels/{name}/cover"],
  channel_create: ["POST", "/api/v1/channels"],
  channel_edit: ["PATCH", "/api/v1/channels/{name}"],
  channel_list: ["GET", "/api/v1/channels"],
  channel_recordings: ["GET", "/api/v1/channels/{name}/recordings"],
  channel_remove: ["DELETE", "/api/v1/channels/{name}"],
  channel_ticket: ["POST", "/api/v1/channels/{name}/ticket"],
  chat_filter: ["GET", "/api/v1/chat/filter"],
  chat_filter_set: ["PUT", "/api/v1/chat/filter"],
  chat_history: ["GET", "/api/v1/chat/history"],
  chat_publish: ["POST", "/api/v1/chat/publish"],
  client_kick: ["DELETE", "/api/v1/clients/{id}"],
  clients: ["GET", "/api/v1/clients"],
  clip_create: ["POST", "/api/v1/recordings/{id}/clips"],
  clip_remove: ["DELETE", "/api/v1/recordings/{id}/clips/{clip}"],
  clips_list: ["GET", "/api/v1/recordings/{id}/clips"],
  cluster: ["GET", "/api/v1/cluster"],
  dispatch: ["POST", "/api/v1/dispatch/{purpose}"],
  document: ["GET", "/api/v1/openapi.json"],
  drain_begin: ["POST", "/api/v1/drain"],
  drain_progress: ["GET", "/api/v1/drain"],
  events_read: ["GET", "/api/v1/events"],
  follow: ["PUT", "/api/v1/channels/{name}/follow"],
  followers: ["GET", "/api/v1/channels/{name}/followers"],
  following: ["GET", "/api/v1/me/following"],
  get_coworker: ["GET", "/api/v1/clusters"],
  gift_give: ["POST", "/api/v1/gifts"],
  gift_list: ["GET", "/api/v1/gifts"],
  gift_received: ["GET", "/api/v1/channels/{name}/gifts"],
  gift_remove: ["DELETE", "/api/v1/gifts/{name}"],
  gift_set: ["PUT", "/api/v1/gifts/{name}"],
  gift_top: ["GET", "/api/v1/channels/{name}/gifts/top"],
  hook: ["GET", "/api/v1/hooks/{id}"],
  hook_change: ["PATCH", "/api/v1/hooks/{id}"],
  hook_create: ["POST", "/api/v1/hooks"],
  hook_deliver_again: ["POST", "/api/v1/hooks/{id}/deliveries/{delivery}/again"],
  hook_deliveries: ["GET", "/api/v1/hooks/{id}/deliveries"],
  hook_remove: ["DELETE", "/api/v1/hooks/{id}"],
  hook_rotate: ["POST", "/api/v1/hooks/{id}/secret"],
  hooks_list: ["GET", "/api/v1/hooks"],
  identity_add: ["POST", "/api/v1/me/identities"],
  identity_list: ["GET", "/api/v1/me/identities"],
  identity_offer: ["POST", "/api/v1/me/identities/offer"],
  identity_remove: ["DELETE", "/api/v1/me/identities/{id}"],
  invite_list: ["GET", "/api/v1/invites"],
  invite_make: ["POST", "/api/v1/invites"],
  invite_revoke: ["DELETE", "/api/v1/invites/{id}"],
  key_add: ["POST", "/api/v1/channels/{name}/keys"],
  key_list: ["GET", "/api/v1/channels/{name}/keys"],
  key_revoke: ["DELETE", "/api/v1/channels/{name}/keys/{id}"],
  key_rotate: ["POST", "/api/v1/channels/{name}/keys/{id}/rotate"],
  live: ["GET", "/api/v1/live"],
  locate: ["GET", "/api/v1/streams/locate"],
  me: ["GET", "/api/v1/me"],
  me_avatar: ["PUT", "/api/v1/me/avatar"],
  me_avatar_remove: ["DELETE", "/api/v1/me/avatar"],
  me_change: ["PATCH", "/api/v1/me"],
  me_email: ["PUT", "/api/v1/me/email"],
  me_email_proof: ["POST", "/api/v1/me/email"],
  me_export: ["GET", "/api/v1/me/export"],
  me_password: ["PUT", "/api/v1/me/password"],
  me_remove: ["DELETE", "/api/v1/me"],
  node_admission: ["GET", "/api/v1/nodes/admission"],
  node_consult: ["POST", "/api/v1/nodes/consult"],
  node_key_uses: ["POST", "/api/v1/nodes/key-uses"],
  node_recording: ["GET", "/api/v1/nodes/recordings/{id}"],
  node_report: ["POST", "/api/v1/nodes/report"],
  node_shot_develop: ["POST", "/api/v1/nodes/shots"],
  node_snapshot_keep: ["POST", "/api/v1/nodes/snapshots"],
  node_snapshot_take: ["POST", "/api/v1/nodes/snapshots/take"],
  oembed: ["GET", "/api/v1/oembed"],
  own_channels: ["GET", "/api/v1/me/channels"],
  own_teams: ["GET", "/api/v1/me/teams"],
  page: ["GET", "/api/v1/pages/{id}"],
  page_create: ["POST", "/api/v1/pages"],
  page_edit: ["PATCH", "/api/v1/pages/{id}"],
  page_list: ["GET", "/api/v1/pages"],
  page_preview: ["POST", "/api/v1/pages/preview"],
  page_remove: ["DELETE", "/api/v1/pages/{id}"],
  page_versions: ["GET", "/api/v1/pages/{id}/versions"],
  passkey_add: ["POST", "/api/v1/me/passkeys"],
  passkey_list: ["GET", "/api/v1/me/passkeys"],
  passkey_name: ["PATCH", "/api/v1/me/passkeys/{id}"],
  passkey_offer: ["POST", "/api/v1/me/passkeys/offer"],
  passkey_remove: ["DELETE", "/api/v1/me/passkeys/{id}"],
  pool: ["GET", "/api/v1/autoscale/{pool}"],
  pools: ["GET", "/api/v1/autoscale"],
  post_coworker: ["POST", "/api/v1/clusters"],
  provider_list: ["GET", "/api/v1/providers"],
  recording: ["GET", "/api/v1/recordings/{id}"],
  recording_begin: ["POST", "/api/v1/recordings"],
  recording_edit: ["PATCH", "/api/v1/recordings/{id}"],
  recording_list: ["GET", "/api/v1/recordings"],
  recording_remove: ["DELETE", "/api/v1/recordings/{id}"],
  recording_stop: ["POST", "/api/v1/recordings/{id}/stop"],
  recordings_expiring: ["GET", "/api/v1/recordings/expiring"],
  replays: ["GET", "/api/v1/replays"],
  report: ["POST", "/api/v1/streams/report"],
  review_claim: ["POST", "/api/v1/review/claims"],
  review_decide: ["POST", "/api/v1/review/decisions"],
  review_gold_add: ["POST", "/api/v1/review/gold"],
  review_gold_list: ["GET", "/api/v1/review/gold"],
  review_gold_picture: ["GET", "/api/v1/review/gold/{id}"],
  review_gold_remove: ["DELETE", "/api/v1/review/gold/{id}"],
  review_hash_add: ["POST", "/api/v1/review/hashes"],
  review_hash_list: ["GET", "/api/v1/review/hashes"],
  review_hash_remove: ["DELETE", "/api/v1/review/hashes/{hash}"],
  review_item: ["GET", "/api/v1/review/items/{id}"],
  review_list: ["GET", "/api/v1/review/items"],
  review_numbers: ["GET", "/api/v1/review/numbers"],
  review_people: ["GET", "/api/v1/review/people"],
  review_person_put: ["PUT", "/api/v1/review/people/{id}"],
  review_person_remove: ["DELETE", "/api/v1/review/people/{id}"],
  review_picture: ["GET", "/api/v1/review/items/{id}/pictures/{picture}"],
  review_release: ["DELETE", "/api/v1/review/claims/{claim}"],
  review_renew: ["PUT", "/api/v1/review/claims/{claim}"],
  review_self: ["GET", "/api/v1/review/self"],
  review_undo: ["POST", "/api/v1/review/items/{id}/undo"],
  review_wall: ["GET", "/api/v1/review/wall"],
  review_wall_claim: ["POST", "/api/v1/review/wall/claims"],
  schedule: ["GET", "/api/v1/channels/{name}/schedule"],
  schedule_add: ["POST", "/api/v1/channels/{name}/schedule"],
  schedule_change: ["PUT", "/api/v1/channels/{name}/schedule/{id}"],
  schedule_remove: ["DELETE", "/api/v1/channels/{name}/schedule/{id}"],
  session_begin: ["POST", "/api/v1/sessions"],
  session_by_link: ["POST", "/api/v1/sessions/link"],
  session_by_oidc: ["POST", "/api/v1/sessions/oidc"],
  session_by_passkey: ["POST", "/api/v1/sessions/passkey"],
  session_end: ["DELETE", "/api/v1/sessions"],
  session_end_one: ["DELETE", "/api/v1/me/sessions/{id}"],
  session_list: ["GET", "/api/v1/sessions"],
  session_oidc_offer: ["POST", "/api/v1/sessions/oidc/offer"],
  session_oidc_rest: ["POST", "/api/v1/sessions/oidc/rest"],
  session_passkey_offer: ["POST", "/api/v1/sessions/passkey/offer"],
  session_refresh: ["POST", "/api/v1/sessions/refresh"],
  settings: ["GET", "/api/v1/settings"],
  snapshot: ["GET", "/api/v1/snapshots/{+name}"],
  snapshot_take: ["POST", "/api/v1/snapshots/{+name}"],
  snapshots_list: ["GET", "/api/v1/snapshots"],
  srs_clients: ["GET", "/api/v1/clients/"],
  srs_streams: ["GET", "/api/v1/streams/"],
  srs_summaries: ["GET", "/api/v1/summaries"],
  stream: ["GET", "/api/v1/streams/{+name}"],
  stream_report: ["POST", "/api/v1/streams/{+name}"],
  streams: ["GET", "/api/v1/streams"],
  team: ["GET", "/api/v1/channels/{name}/team"],
  team_remove: ["DELETE", "/api/v1/channels/{name}/team/{id}"],
  team_set: ["PUT", "/api/v1/channels/{name}/team"],
  token_chat: ["POST", "/api/v1/tokens/chat"],
  token_keys: ["GET", "/api/v1/tokens/keys"],
  totp_add: ["PUT", "/api/v1/me/totp"],
  totp_offer: ["POST", "/api/v1/me/totp"],
  totp_remove: ["DELETE", "/api/v1/me/totp"],
  unfollow: ["DELETE", "/api/v1/channels/{name}/follow"],
  versions: ["GET", "/api/v1/versions"],
  wallet: ["GET", "/api/v1/me/wallet"],
  wallet_refund: ["POST", "/api/v1/wallets/{user}/refunds"],
  wallet_show: ["GET", "/api/v1/wallets/{user}"],
  wallet_top_up: ["POST", "/api/v1/wallets/{user}/topups"],
} as const satisfies Record<keyof Operations, readonly [string, string]>;
