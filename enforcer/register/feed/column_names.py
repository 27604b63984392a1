"""What HR systems call their columns, in English, German, French and Spanish.

Names are compared in lower case, without accents and with nothing but letters and digits. Each field has
tiers: a column of an earlier tier says more certainly what is meant; those of later ones are then ignored.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from enum import StrEnum


class Field(StrEnum):
    """What a column may contain."""

    OBJECT_ID = "object ID"
    UPN = "user principal name"
    USER = "user"
    MAIL = "mail"
    LOOSE = "identifier"
    END = "end"
    START = "start"
    NAME = "name"
    FIRST_NAME = "first name"
    LAST_NAME = "last name"
    COMPANY = "company"
    SPONSOR = "sponsor"
    MANAGER = "manager"
    NOTE = "note"
    GROUP = "group"
    TEAM = "team"
    STATUS = "status"


# Who the contractor is, the most certain first. A loose identifier may as well be a number of the HR system.
IDENTIFYING = (Field.OBJECT_ID, Field.UPN, Field.USER, Field.MAIL, Field.LOOSE)

# A tier a paragraph: the field, then what its column may be called.
_NAMES = """
object-ID: objectid entraid entraobjectid azureobjectid azureadobjectid aadobjectid azureadid aadid
  entrauserid memberobjectidorupn objektid iddobjet idobjet iddelobjeto idobjeto identifiantdobjet
user-principal-name: userprincipalname upn userprincipal principalname benutzerprinzipalname
  nomprincipaldelutilisateur nomdutilisateurprincipal nombreprincipaldelusuario nombreprincipaldeusuario
user: rowkey user contractor benutzer utilisateur usuario
user: externalworker externermitarbeiter prestataire contratista
mail: workemail workemailaddress emailprimarywork primaryworkemail businessemail companyemail corporateemail
  officialemail workeremail workcontactworkemail dienstlicheemail geschaftlicheemail geschaeftlicheemail
  emailprofessionnel emailprofessionnelle courrielprofessionnel adresseemailprofessionnelle
  correoprofesional correodetrabajo emaildetrabajo correocorporativo
mail: email emailaddress mail mailaddress emailid primaryemail emailprimary contractoremail useremail
  employeeemail emailwork smtpaddress primarysmtpaddress emailadresse mailadresse courriel adressemail
  adresseemail adresseelectronique adressedemessagerie correo correoelectronico direcciondecorreo
  direcciondecorreoelectronico emailbenutzer
identifier: id userid username login loginname account accountname benutzername benutzerkennung anmeldename
  kennung nomdutilisateur identifiant nombredeusuario identificador worker workeruserid
end: enddate contractenddate contractend contractends contractendson accessenddate accessend enddatum
  vertragsende vertragsenddatum datedefindecontrat findecontrat datefincontrat fincontrat datedefin datefin
  fechadefin fechafin fechadefindecontrato findecontrato fechafincontrato employmentenddate
  assignmentenddate workorderenddate woenddate engagementenddate projectedenddate expectedenddate
  plannedenddate contractexpirydate contractexpirationdate contractexpiration contractexpiry
  enddateofcontract befristetbis befristungsende zugangsende vertragbis
end: end expires expirydate expirationdate expiry expiration expireson expiresat accountexpires
  accountexpirationdate validto validuntil until endson ends ende endetam endet bis gultigbis gueltigbis
  valablejusquau valideju jusquau fin echeance datedecheance dateecheance validohasta valido hasta vence
  vencimiento fechadevencimiento fechavencimiento caduca fechadecaducidad
end: lastday lastdayofwork lastworkingday lastdayworked leavedate leavingdate exitdate employeeleavedatetime
  departuredate letzterarbeitstag letztertag austrittsdatum austritt datedesortie datededepart dernierjour
  dernierjourtravaille ultimodia ultimodiadetrabajo fechadebaja fechadesalida terminationdate
start: startdate contractstartdate contractstart accessstartdate accessstart startdatum vertragsbeginn
  vertragsstart datededebut datedebut datededebutdecontrat datedebutcontrat debutdecontrat debutcontrat
  fechadeinicio fechainicio fechadeiniciodecontrato iniciodecontrato assignmentstartdate workorderstartdate
  wostartdate engagementstartdate employmentstartdate startdateofcontract
start: start begins begin begindate starts startson validfrom from firstday beginn beginnt beginndatum ab
  von gultigab gueltigab gultigvon gueltigvon debut commence valableapartirdu apartirdu inicio desde
  validodesde effectivedate
start: hiredate originalhiredate dateofhire hired hireddate joiningdate joindate dateofjoining
  employeehiredate eintrittsdatum eintritt einstellungsdatum datedembauche dateembauche datedentree
  dateentree fechadecontratacion fechadealta fechadeingreso
name: displayname fullname anzeigename vollername vollstandigername vollstaendigername nomcomplet nomaffiche
  nomdaffichage nombrecompleto nombreparamostrar legalname workername contractorname employeename
  mitarbeitername prestatairenom nomduprestataire
name: name nom nombre lastnamefirstname firstnamelastname nachnamevorname employee mitarbeiter worker
  workerfullname payrollname
first-name: firstname givenname legalfirstname preferredfirstname vorname prenom nombredepila primernombre
last-name: lastname surname familyname legallastname nachname familienname nomdefamille apellido apellidos
company: company companyname vendor vendorname supplier suppliername employer employername agency agencyname
  organisation organization organisationname organizationname firma firmenname unternehmen lieferant
  dienstleister entreprise societe fournisseur employeur empresa proveedor compania staffingsupplier
  contractingcompany
sponsor: sponsor sponsoremail sponsormail sponsoremailaddress sponsorupn verantwortlicher verantwortliche
  verantwortlicheemail verantwortlicheremail parrain responsable responsableemail emailduresponsable
  courrielduresponsable patrocinador correodelresponsable emaildelresponsable
sponsor: manageremail managermail manageremailaddress manageremailprimarywork supervisoremail
  supervisoremailaddress reportstoemail hiringmanageremail owneremail vorgesetzteremail vorgesetztenemail
  emailvorgesetzter emaildesvorgesetzten emailmanager emaildumanager managerworkemail clientmanageremail
  workordowneremail workorderowneremail
manager: manager managername supervisor supervisorname owner ownername reportsto reportstoname hiringmanager
  vorgesetzter vorgesetzte ansprechpartner superieur superieurhierarchique jefe supervisorde encargado
  gestor fuhrungskraft fuehrungskraft linemanager workorderowner
note: note notes comment comments remark remarks bemerkung bemerkungen notiz notizen kommentar commentaire
  commentaires remarque remarques nota notas comentario comentarios observaciones
group: groupid partitionkey gruppenid idgroupe idgrupo
team: group gruppe groupe grupo
status: status contractstatus workerstatus employmentstatus employeestatus assignmentstatus workorderstatus
  userstatus statut estado vertragsstatus state
"""


def _read_names() -> dict[str, list[tuple[Field, int]]]:
    """Return the fields that a column of each name may be, each with its tier."""
    found: dict[str, list[tuple[Field, int]]] = {}
    tiers: Counter[Field] = Counter()
    for paragraph in _NAMES.strip().replace("\n  ", " ").splitlines():
        title, _, names = paragraph.partition(": ")
        field = Field(title.replace("-", " "))
        for name in names.split():
            found.setdefault(name, []).append((field, tiers[field]))
        tiers[field] += 1
    return found


_PLACES = _read_names()

_IN_BRACKETS = re.compile(r"\[([^\]]+)\]")
# ServiceNow's own columns begin with u_; others say of whom an address or a date is.
_OF_WHOM = re.compile(r"^(u_|(worker|employee|contractor|user|person|contact)[ ._:-]+)", re.IGNORECASE)
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|\*")
# What a column that nobody knows may be about, by a word in its name.
_LOOKS_LIKE = {
    Field.END: re.compile(r"end|expir|until|leav|terminat|last.?day|ende|bis\b|ablauf|\bfin\b|hasta|venc"),
    Field.START: re.compile(r"start|begin|hire|joined|join|onboard|beginn|eintritt|debut|inicio|alta\b"),
    Field.SPONSOR: re.compile(
        r"sponsor|manager|supervisor|owner|approver|responsib|verantwort|vorgesetz|responsable|parrain|jefe"
    ),
}


def plain_name(name: str) -> str:
    """Return a column's name as names are compared."""
    decomposed = unicodedata.normalize("NFKD", name.casefold().replace("#", "number"))
    return "".join(one for one in decomposed if one.isalnum())


def places(name: str) -> list[tuple[Field, int]]:
    """Return the fields that a column of this name may be, each with its tier; none if nobody knows.

    Entra's bulk files have the property's name in brackets; others have the format in parentheses.
    """
    spellings = (*_IN_BRACKETS.findall(name), name, _ASIDE.sub(" ", name), _OF_WHOM.sub("", name.strip()))
    for spelling in spellings:
        if found := _PLACES.get(plain_name(spelling)):
            return found
    return []


def looks_like(name: str) -> Field | None:
    """Return what a column that nobody knows looks like: an end, a start or a sponsor."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    words = "".join(one for one in decomposed if not unicodedata.combining(one))
    return next((field for field, pattern in _LOOKS_LIKE.items() if pattern.search(words)), None)
