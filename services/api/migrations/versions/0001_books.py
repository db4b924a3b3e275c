"""Books, their search, and the keys of repeated requests."""

from alembic import op

revision = "0001"
down_revision = None

# ISBN users' manual, section on the check digit: digits weigh 1 and 3 in turn, and the sum ends in 0.
CHECK_SUM = " + ".join(f"{1 if place % 2 else 3} * substr(isbn, {place}, 1)::integer" for place in range(1, 14))

UPGRADE = f"""
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

-- unaccent() is only STABLE, since a superuser may edit its rules; a generated column needs IMMUTABLE. The collation
-- is PostgreSQL's own (17 and later), so that case folds alike on every machine.
CREATE FUNCTION fold(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(public.unaccent('public.unaccent'::regdictionary, value) COLLATE pg_c_utf8)
$$;

CREATE FUNCTION book_search(title text, author text, description text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(to_tsvector('pg_catalog.simple', public.fold(title)), 'A')
        || setweight(to_tsvector('pg_catalog.simple', public.fold(author)), 'B')
        || setweight(to_tsvector('pg_catalog.simple', public.fold(description)), 'D')
$$;

CREATE TABLE books (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT books_pkey PRIMARY KEY,
    title text NOT NULL CONSTRAINT books_title_check CHECK (char_length(title) <= 500 AND title ~ '[^[:space:]]'),
    author text NOT NULL CONSTRAINT books_author_check CHECK (char_length(author) <= 300 AND author ~ '[^[:space:]]'),
    description text NOT NULL DEFAULT ''
        CONSTRAINT books_description_check CHECK (char_length(description) <= 10000),
    isbn text CONSTRAINT books_isbn_key UNIQUE CONSTRAINT books_isbn_check CHECK (
        CASE WHEN isbn ~ '^97[89][0-9]{{10}}$' THEN ({CHECK_SUM}) % 10 = 0 ELSE isbn IS NULL END
    ),
    published_year integer
        CONSTRAINT books_published_year_check CHECK (published_year BETWEEN -5000 AND 2100 AND published_year <> 0),
    read boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    title_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (left(fold(title), 64)) STORED,
    author_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (left(fold(author), 64)) STORED,
    search tsvector NOT NULL GENERATED ALWAYS AS (book_search(title, author, description)) STORED
);

-- One index for each order; the id makes it total. Books without a year come last in both directions.
CREATE INDEX books_created_idx ON books (created_at, id);
CREATE INDEX books_title_idx ON books (title_key, id);
CREATE INDEX books_author_idx ON books (author_key, id);
CREATE INDEX books_year_idx ON books (coalesce(published_year, 9999), id);
CREATE INDEX books_year_down_idx ON books (coalesce(published_year, -9999), id);
-- Each search reads the index's list of pending entries, so after many writes a long one (4 MB) makes it slow.
CREATE INDEX books_search_idx ON books USING gin (search) WITH (gin_pending_list_limit = 64);

-- Every word of a title or an author, for the nearest words to a mistyped one (PostgreSQL manual, pg_trgm, "Text
-- Search Integration"). A word may stand twice: a unique index would make writers wait for each other's transactions.
CREATE TABLE words (word text COLLATE "C" NOT NULL);
CREATE INDEX words_word_idx ON words (word);
CREATE INDEX words_trigrams_idx ON words USING gin (word gin_trgm_ops) WITH (gin_pending_list_limit = 64);

CREATE FUNCTION remember_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO words (word)
    SELECT DISTINCT found.word
    FROM written, unnest(tsvector_to_array(ts_filter(written.search, '{{a,b}}'))) AS found (word)
    WHERE char_length(found.word) <= 40 AND NOT EXISTS (SELECT FROM words WHERE words.word = found.word);
    RETURN NULL;
END
$$;
CREATE TRIGGER remember_words_of_new AFTER INSERT ON books
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION remember_words();
CREATE TRIGGER remember_words_of_changed AFTER UPDATE ON books
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION remember_words();

-- What a person typed, as a query: words, "a phrase", -not, or. The last may be unfinished, if a plain word.
CREATE FUNCTION typed_query(typed text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN query::text ~ '(^|& |[|] )''([^'']|'''')+''$' THEN (query::text || ':*')::tsquery ELSE query END
    FROM websearch_to_tsquery('pg_catalog.simple', public.fold(typed)) AS query
$$;

-- All words of `typed`, in the author's name.
CREATE FUNCTION author_query(typed text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(query::text, '''(?= |$)', '''\\:B', 'g')::tsquery
    FROM plainto_tsquery('pg_catalog.simple', public.fold(typed)) AS query
$$;

CREATE TABLE idempotency_keys (
    key text CONSTRAINT idempotency_keys_pkey PRIMARY KEY,
    fingerprint bytea NOT NULL,
    book_id bigint,
    body text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_keys_created_idx ON idempotency_keys (created_at);
"""

DOWNGRADE = """
DROP TABLE idempotency_keys, words, books;
DROP FUNCTION remember_words, typed_query, author_query, book_search, fold;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
