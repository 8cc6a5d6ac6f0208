-- Who may use the service: users, sessions, known browsers and API tokens. Secrets are kept as
-- hashes alone.

CREATE TABLE users (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    role text NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
    password text,
    issuer text,
    subject text,
    created_at bigint NOT NULL,
    disabled_at bigint,
    sum bigint NOT NULL DEFAULT 0,
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL))
);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION set_sum();

CREATE TABLE sessions (
    hash bytea NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_name text COLLATE "C" NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    created_at bigint NOT NULL,
    used_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    address text,
    agent text,
    sum bigint NOT NULL DEFAULT 0
);
CREATE INDEX sessions_of_user ON sessions (user_name, created_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION set_sum();

CREATE TABLE browsers (
    hash bytea NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_name text COLLATE "C" NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    used_at bigint NOT NULL,
    sum bigint NOT NULL DEFAULT 0
);
CREATE INDEX browsers_of_user ON browsers (user_name, used_at);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON browsers FOR EACH ROW EXECUTE FUNCTION set_sum();

CREATE TABLE tokens (
    token text COLLATE "C" NOT NULL PRIMARY KEY,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    name text NOT NULL,
    scope text NOT NULL,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    used_at bigint,
    revoked_at bigint,
    sum bigint NOT NULL DEFAULT 0
);
CREATE TRIGGER sum BEFORE INSERT OR UPDATE ON tokens FOR EACH ROW EXECUTE FUNCTION set_sum();
