"""Who is here: somebody who signed in with the team's OpenID provider, or one local person on the loopback address."""

from __future__ import annotations

import streamlit as st
from streamlit.errors import StreamlitAPIException

from pages.shared.words import plain
from tailguard.domain.roles import LOOPBACK, Right
from tailguard.errors import NotAllowed, TailguardError
from tailguard.workspace import Workspace, default_actor


def configured() -> bool:
    """Whether this server was started with a sign-in."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def person(space: Workspace) -> Workspace:
    """The workspace with whoever that is, and with the groups that the provider names. Nobody is anybody before signing in."""
    if not configured():
        return space.as_actor(default_actor())
    claims = st.user.to_dict() if st.user.is_logged_in else {}
    rules = space.edited_policy().sign_in
    name = str(claims.get(rules.name) or "")
    if rules.name == "email":  # providers differ in how they write the same address
        name = "" if claims.get("email_verified") is False else name.lower()
    groups: object = claims.get(rules.groups) or ()
    group_names = tuple(str(group) for group in groups) if isinstance(groups, list | tuple) else (str(groups),)
    return space.as_actor(name, groups=group_names)


def enter(space: Workspace) -> None:
    """Let in who may look, or say what is missing and stop the page there."""
    if not configured():
        if st.get_option("server.address") not in LOOPBACK:
            st.error(
                "**This dashboard listens beyond this machine and has no sign-in, so it shows nothing.** Start it with "
                "`tailguard dashboard`, or configure a sign-in: see README, Sign-in and roles.",
                icon="✖",
            )
            st.stop()
        return
    if not st.user.is_logged_in:
        st.title("Tailguard")
        st.markdown("This dashboard belongs to a team. Sign in with the team's account to see it.")
        if st.button("Sign in", type="primary", key="sign-in"):
            _to_the_provider()
        st.stop()
    try:
        here = person(space)
        if not here.actor:
            raise NotAllowed("The provider names no verified e-mail address. Ask whoever looks after the accounts.")
        if not here.allows(Right.LOOK, here.edited_policy()):
            here.require(Right.LOOK)
    except TailguardError as error:
        st.title("Tailguard")
        st.error(f"You cannot look at this dashboard. {plain(str(error))}", icon="✖")
        sign_out()
        st.stop()


def _to_the_provider() -> None:
    try:
        st.login()
    except StreamlitAPIException as error:
        st.error(f"The sign-in is not configured as it has to be: {plain(str(error))}", icon="✖")


def sign_out() -> None:
    """The button that ends the session."""
    if configured() and st.button("Sign out", key="sign-out"):
        st.logout()


def roles(space: Workspace) -> str:
    """What that person is here, in a sentence."""
    try:
        here = space.edited_policy().roles_of(space.actor, space.groups)
    except TailguardError as error:
        return f"You have no role here. {error}"
    role_names = [str(role) for role in sorted(here) if len(here) == 1 or role != "viewer"]
    return f"Your roles here: {', '.join(role_names) or 'none'}."
